"""Which thing an event is about is proposed, and a curator's correction counts."""

from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client

from promotion.actions.key_fields import back_to_proposal, correct, kin_with
from promotion.actions.load_event_types import load
from promotion.actions.meet_types import meet
from promotion.actions.schemas import store_schema
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import AuditEntry, EventType
from tests import cast
from tests.event_types.test_command import run

pytestmark = pytest.mark.django_db
ROLE = "net.lightapi.portal.role.RoleCreatedEvent"
DELETED = "net.lightapi.portal.role.RoleDeletedEvent"
PATHS = ["host", "roleDesc"]
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def role() -> EventType:
    load(settings.SCHEMAS_DIR)
    return EventType.objects.get(full_name=ROLE)


def again(event_type: EventType) -> EventType:
    return EventType.objects.get(pk=event_type.pk)


def test_loading_fills_the_proposals_and_never_touches_a_correction(role: EventType) -> None:
    assert role.identity_fields == role.proposed_key_fields == ["host", "roleId"]
    correct(cast.user("curator"), [ROLE], PATHS, "Here it is.")
    EventType.objects.filter(pk=role.pk).update(proposed_key_fields=["old"])
    assert load(settings.SCHEMAS_DIR)["changed"] == 1
    assert load(settings.SCHEMAS_DIR)["changed"] == 0
    assert again(role).proposed_key_fields == ["host", "roleId"]
    assert again(role).identity_fields == again(role).key_fields == PATHS


def test_a_type_that_is_met_agrees_with_the_catalogue_about_its_aggregate(role: EventType) -> None:
    fields = '{"name": "hostId", "type": "string"}, {"name": "id", "type": "string"}'
    alone = meet("a.GiftSentEvent", store_schema(cast.schema_text("a.GiftSentEvent", fields)))
    other = meet("a.RoleMovedEvent", store_schema(cast.schema_text("a.RoleMovedEvent", fields)))
    fields += ', {"name": "roleId", "type": "string"}'
    moved = meet("a.RoleCreatedEvent", store_schema(cast.schema_text("a.RoleCreatedEvent", fields)))
    found = [each.proposed_key_fields for each in (alone, other, moved)]
    assert found == [["host", "id"], [], ["host", "roleId"]]


def test_a_correction_has_a_person_a_reason_and_an_audit_entry(role: EventType) -> None:
    curator = cast.user("curator")
    assert correct(curator, [ROLE], [" host", "roleDesc "], " Roles are told apart so. ") == 1
    now = again(role)
    assert (now.key_fields, now.key_fields_by, now.key_fields_reason) == (PATHS, curator, "Roles are told apart so.")
    entry = AuditEntry.objects.get(verb="correct key fields")
    assert entry.before == {"key_fields": ["host", "roleId"], "corrected": False}
    assert entry.after == {"key_fields": PATHS, "corrected": True}
    assert correct(curator, [ROLE], PATHS, "Once more.") == 0
    assert back_to_proposal(curator, [ROLE], "It was wrong.") == 1
    assert again(role).identity_fields == ["host", "roleId"]
    assert back_to_proposal(curator, [ROLE], "Again.") == 0
    assert AuditEntry.objects.filter(verb="correct key fields").count() == 2


def test_no_key_fields_is_a_correction_too(role: EventType) -> None:
    assert correct(cast.user("curator"), [ROLE, DELETED], [], "Each stands alone.") == 2
    assert again(role).identity_fields == again(role).key_fields == []


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["roleName"], "no field roleName"),
        (["EventId"], "no text"),
        (["host", "host"], "twice"),
        ([f"f{number}" for number in range(9)], "at most 8"),
        (["role\0Id"], "no field"),
        ([""], "no field"),
        (["roleDesc"], f"{DELETED}: The type has no field roleDesc."),
    ],
)
def test_a_path_that_a_type_does_not_have_changes_nothing(role: EventType, paths: list[str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        correct(cast.user("curator"), [ROLE, DELETED], paths, "Try.")
    assert says in f"{caught.value} {caught.value.problems}"
    assert again(role).key_fields is None


def test_parts_of_the_event_id_can_be_key_fields(role: EventType) -> None:
    assert correct(cast.user("curator"), [ROLE], ["EventId.id", "EventId.nonce"], "It is one event.") == 1


@pytest.mark.parametrize("person", ["viewer", "manager", "approver"])
def test_only_a_curator_corrects(role: EventType, person: str) -> None:
    for action in (
        lambda: correct(cast.user(person), [ROLE], [], "x"),
        lambda: back_to_proposal(cast.user(person), [ROLE], "x"),
    ):
        with pytest.raises(Refused, match="curator"):
            action()


def test_a_correction_needs_a_reason_and_types_that_are_known(role: EventType) -> None:
    curator = cast.user("curator")
    with pytest.raises(InvalidInput, match="correction needs a reason"):
        correct(curator, [ROLE], PATHS, " ")
    with pytest.raises(NotFound, match=r"no\.Such"):
        correct(curator, [ROLE, "no.Such"], PATHS, "x")
    with pytest.raises(InvalidInput, match="No event type"):
        back_to_proposal(curator, [], "x")
    with pytest.raises(IntegrityError, match="keys_corrected_by_somebody"), transaction.atomic():
        EventType.objects.update(key_fields=[])


def test_the_aggregate_is_those_types_that_have_the_fields(role: EventType) -> None:
    updated = ROLE.replace("Created", "Updated")
    assert kin_with(ROLE, ["host", "roleId"]) == [ROLE, DELETED, updated]
    assert kin_with(ROLE, PATHS) == [ROLE, updated]
    assert kin_with(ROLE, ["nothing"]) == [ROLE]


@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(cast.user("curator"))
    return client


def post(client: Client, **values: Any) -> Any:
    form = {"name": ROLE, "paths": "host, roleDesc", "scope": "aggregate", "keys_reason": "So.", "make": "correction"}
    return client.post("/event-types/keys/", form | values)


def test_the_page_shows_the_identity_and_takes_a_correction_and_its_end(curator: Client, role: EventType) -> None:
    page = curator.get(role.get_absolute_url()).content.decode()
    assert "<code>host</code>, <code>roleId</code>" in page
    assert "Back to the proposal" not in page
    assert post(curator).url == role.get_absolute_url()
    page = curator.get(role.get_absolute_url()).content.decode()
    assert "The key fields of 2 event types changed." in page
    assert "<code>host</code>, <code>roleDesc</code>" in page
    assert "<code>host</code>, <code>roleId</code>" in page
    assert "Back to the proposal" in page
    post(curator, make="proposal", scope="type")
    assert again(role).key_fields is None
    assert EventType.objects.exclude(key_fields=None).count() == 1
    post(curator, paths="", scope="type")
    assert "judged alone" in curator.get(role.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"keys_reason": " "}, "A correction needs a reason"),
        ({"paths": "roleName"}, "The type has no field roleName."),
        ({"paths": "a\0"}, "Null characters"),
        ({"paths": f"{HOSTILE.replace(' ', '')}"}, "The type has no field"),
        ({"scope": "all"}, "Select a valid choice"),
    ],
)
def test_a_correction_that_does_not_fit_comes_back_as_it_was(
    curator: Client, role: EventType, wrong: dict[str, str], says: str
) -> None:
    answer = post(curator, **wrong)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert says in page
    assert "<script>alert" not in page
    assert ("So.</textarea>" in page) == ("keys_reason" not in wrong)
    assert again(role).key_fields is None


@pytest.mark.parametrize("name", ["no.Such", "a\0", ""])
def test_a_type_that_is_not_there_has_no_key_fields(curator: Client, role: EventType, name: str) -> None:
    assert post(curator, name=name).status_code == 404
    assert post(curator, name=name, keys_reason="").status_code == 404


def test_a_viewer_sees_the_key_fields_without_a_form(client: Client, role: EventType) -> None:
    client.force_login(cast.user("viewer"))
    page = client.get(role.get_absolute_url()).content.decode()
    assert "<code>roleId</code>" in page
    assert "event-types/keys/" not in page
    assert post(client).status_code == 403


def test_the_command_line_corrects_and_lists(role: EventType) -> None:
    cast.user("curator")
    common = ("--reason", "So.", "--as", "curator")
    assert run("keys", ROLE, "--fields", "host,roleDesc", *common) == ({"event_types": 1, "changed": 1}, 0)
    [listed] = [each for each in run("list")[0]["event_types"] if each["full_name"] == ROLE]
    assert (listed["key_fields"], listed["key_fields_corrected"]) == (PATHS, True)
    assert listed["proposed_key_fields"] == ["host", "roleId"]
    assert run("keys", ROLE, DELETED, "--proposed", *common)[0] == {"event_types": 2, "changed": 1}
    assert run("keys", ROLE, "--fields", "", *common)[0]["changed"] == 1
    assert again(role).identity_fields == []
    assert run("keys", DELETED, "--fields", "roleDesc", *common)[1] == 2
    assert run("keys", "no.Such", "--fields", "", *common)[1] == 8
