"""Sensitive fields are proposed and mask at once, a curator corrects them, and the command line does both."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from promotion.actions.load_event_types import load
from promotion.actions.meet_types import meet
from promotion.actions.schemas import store_schema
from promotion.actions.sensitive_fields import back_to_proposal, correct
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import AuditEntry, EventType
from tests import cast
from tests.event_types.test_command import run
from tests.masking import stage

pytestmark = pytest.mark.django_db
USER = "net.lightapi.portal.user.UserCreatedEvent"
PROPOSED = ["email", "password", "token"]


@pytest.fixture
def user() -> EventType:
    load(settings.SCHEMAS_DIR)
    return EventType.objects.get(full_name=USER)


def again(event_type: EventType) -> EventType:
    return EventType.objects.get(pk=event_type.pk)


def test_loading_fills_the_proposals_and_never_touches_a_correction(user: EventType) -> None:
    assert user.masked_fields == user.proposed_sensitive_fields == PROPOSED
    correct(cast.user("curator"), [USER], ["password"], "Addresses are known.")
    EventType.objects.filter(pk=user.pk).update(proposed_sensitive_fields=[])
    assert load(settings.SCHEMAS_DIR)["changed"] == 1
    assert load(settings.SCHEMAS_DIR)["changed"] == 0
    assert again(user).proposed_sensitive_fields == PROPOSED
    assert again(user).masked_fields == ["password"]


def test_loading_again_fills_types_that_no_file_has(tmp_path: Path, user: EventType) -> None:
    met = meet(
        "a.KeyRotatedEvent", store_schema(cast.schema_text("a.KeyRotatedEvent", '{"name": "apiKey", "type": "string"}'))
    )
    assert met.masked_fields == ["apiKey"]
    EventType.objects.filter(pk=met.pk).update(proposed_sensitive_fields=[])  # as it was before there were marks
    load(settings.SCHEMAS_DIR)
    assert again(met).masked_fields == ["apiKey"]


def test_a_new_generation_of_a_type_adds_what_it_has(user: EventType) -> None:
    store_schema(cast.schema_text(USER, '{"name": "phone", "type": "string"}, {"name": "name", "type": "string"}'))
    assert again(user).masked_fields == [*PROPOSED, "phone"]
    assert load(settings.SCHEMAS_DIR)["changed"] == 0
    assert correct(cast.user("curator"), [USER], ["phone"], "Only that.") == 1


def test_a_correction_has_a_person_a_reason_and_an_audit_entry(user: EventType) -> None:
    curator = cast.user("curator")
    assert correct(curator, [USER], [" email", "password "], " So. ") == 1
    now = again(user)
    assert (now.sensitive_fields, now.sensitive_fields_by, now.sensitive_fields_reason) == (
        ["email", "password"],
        curator,
        "So.",
    )
    entry = AuditEntry.objects.get(verb="correct sensitive fields")
    assert entry.before == {"sensitive_fields": PROPOSED, "corrected": False}
    assert entry.after == {"sensitive_fields": ["email", "password"], "corrected": True}
    assert correct(curator, [USER], ["email", "password"], "Again.") == 0
    assert back_to_proposal(curator, [USER], "It was wrong.") == 1
    assert again(user).masked_fields == PROPOSED
    assert correct(curator, [USER], [], "Nothing is secret here.") == 1
    assert again(user).masked_fields == []


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["EventId.id"], "cannot be masked"),
        (["hostId"], "cannot be masked"),
        (["nothing"], "no field nothing"),
        (["email", "email"], "twice"),
        (["email[]"], "no field"),
        (["a\0"], "no path"),
        ([f"f{number}" for number in range(101)], "at most 100"),
    ],
)
def test_a_path_that_cannot_be_changes_nothing(user: EventType, paths: list[str], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        correct(cast.user("curator"), [USER], paths, "Try.")
    assert says in f"{caught.value} {caught.value.problems}"
    assert again(user).sensitive_fields is None


@pytest.mark.parametrize("person", ["viewer", "manager", "approver"])
def test_only_a_curator_corrects_for_a_reason(user: EventType, person: str) -> None:
    for action in (
        lambda: correct(cast.user(person), [USER], [], "x"),
        lambda: back_to_proposal(cast.user(person), [USER], "x"),
    ):
        with pytest.raises(Refused, match="curator"):
            action()
    with pytest.raises(InvalidInput, match="correction needs a reason"):
        correct(cast.user("curator"), [USER], [], " ")
    with pytest.raises(NotFound):
        correct(cast.user("curator"), ["no.Such"], [], "x")
    with pytest.raises(IntegrityError, match="for_a_reason"), transaction.atomic():
        EventType.objects.update(sensitive_fields=[])


def post(client: Client, **values: Any) -> Any:
    form = {"name": USER, "paths": "email\r\npassword", "sensitive_reason": "So.", "make": "correction"}
    return client.post("/event-types/sensitive/", form | values)


def test_the_page_shows_the_marks_and_takes_a_correction_and_its_end(client: Client, user: EventType) -> None:
    client.force_login(cast.user("curator"))
    page = client.get(user.get_absolute_url()).content.decode()
    assert "<code>email</code>, <code>password</code>, <code>token</code>" in page
    assert "Which values are masked" in page
    assert post(client).url == user.get_absolute_url()
    page = client.get(user.get_absolute_url()).content.decode()
    assert "The sensitive fields changed." in page
    assert "Back to the proposal" in page
    post(client, make="proposal")
    assert again(user).sensitive_fields is None
    for wrong, says in (
        ({"paths": "nothing"}, "The type has no field nothing."),
        ({"paths": "<script>alert(1)</script>"}, "is no path"),
        ({"sensitive_reason": " "}, "A correction needs a reason"),
    ):
        answer = post(client, **wrong)
        assert answer.status_code == 422
        assert says in answer.content.decode()
        assert "<script>alert" not in answer.content.decode()
    assert post(client, name="no.Such").status_code == 404
    client.force_login(cast.user("viewer"))
    page = client.get(user.get_absolute_url()).content.decode()
    assert "Which values are masked" in page
    assert "event-types/sensitive/" not in page


@pytest.mark.usefixtures("user")
def test_the_command_line_corrects_and_lists() -> None:
    cast.user("curator")
    asked = ("sensitive", "--reason", "So.", "--as", "curator", USER)
    assert run(*asked, "--fields", "email,password") == ({"event_types": 1, "changed": 1}, 0)
    [listed] = [each for each in run("list")[0]["event_types"] if each["full_name"] == USER]
    assert listed["sensitive_fields"] == ["email", "password"]
    assert (listed["proposed_sensitive_fields"], listed["sensitive_fields_corrected"]) == (PROPOSED, True)
    assert run(*asked, "--proposed") == ({"event_types": 1, "changed": 1}, 0)
    answer, code = run(*asked, "--fields", "EventId.id")
    assert (code, "cannot be masked" in str(answer["problems"])) == (2, True)
    assert run(*asked, "--fields", "")[0]["changed"] == 1


def test_files_and_answers_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    promotion = stage.promotion()
    stage.person("manager", True)
    stage.person("manager", False)
    out = tmp_path / "events.jsonl"

    def command(*arguments: object) -> tuple[int, str]:
        code = 0
        try:
            call_command("promotion", *map(str, arguments))
        except SystemExit as ended:
            code = int(str(ended.code))
        return code, capsys.readouterr().out

    assert command("download", promotion.pk, "--out", out)[0] == 0
    assert stage.leaked(out.read_bytes()) == []
    code, said = command("download", promotion.pk, "--out", out, "--sensitive")
    assert (code, "Say so with --as USER" in said) == (2, True)
    assert command("download", promotion.pk, "--out", out, "--sensitive", "--as", "manager-plain")[0] == 3
    assert stage.leaked(out.read_bytes()) == []
    assert command("download", promotion.pk, "--out", out, "--sensitive", "--as", "manager-reader")[0] == 0
    assert stage.leaked(out.read_bytes()) == list(stage.SECRETS)
    assert stage.sights() == [{"page": "download", "format": "jsonl", "events": 1, "all": False}]
    assert AuditEntry.objects.get(verb="see sensitive values").origin == "command line"
    assert json.loads(command("show", promotion.pk)[1])["story"] == []
    assert command("show", promotion.pk, "--sensitive", "--as", "manager-plain")[0] == 3


def test_the_answer_about_a_plan_has_masks() -> None:
    import json

    from promotion.actions.masking import Masks
    from promotion.management.answers import plan_answer
    from tests.masking.test_other_pages import planned

    made = planned(stage.promotion())
    masked = json.dumps(plan_answer(made, steps=True), default=str)
    assert stage.leaked(masked) == []
    assert "old-secret" not in masked
    shown = Masks(shown=True)
    assert set(stage.leaked(json.dumps(plan_answer(made, shown, steps=True), default=str))) == {
        "ada@example.com",
        "hunter-two",
        "key-of-the-laptop",
    }
    assert shown.seen


def test_a_pass_of_rules_is_answered_with_masks() -> None:
    from promotion.actions.masking import Masks
    from promotion.management.rule_answers import pass_answer
    from tests.masking.test_other_pages import SET, draft
    from tests.rules import stage as passes

    promotion = stage.promotion()
    draft(promotion, cast.user("manager"), SET)
    made = passes.preview(promotion)
    assert stage.leaked(str(pass_answer(made, Masks()))) == []
    assert stage.leaked(str(pass_answer(made, Masks(shown=True)))) == ["hunter-two"]
