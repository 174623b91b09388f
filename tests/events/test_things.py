"""Pick by thing: what is gathered around a thing, and what people do with it."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from promotion.actions import gather as gathering
from promotion.actions.edit import edit, exclude
from promotion.actions.gather import find, gather, keys_of_kind, kinds
from promotion.actions.key_fields import correct
from promotion.actions.load_event_types import load
from promotion.domain.identity import Identity
from promotion.domain.schema import Schema, parse
from promotion.errors import Conflict, NotFound, Refused
from promotion.models import AuditEntry, Event, EventType, Promotion
from promotion.states import PromotionState
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db
SCHEMAS: dict[str, Schema] = {}
HOSTILE = '<script>alert("x")</script>\u202e'


def put(promotion: Promotion, name: str, host: str = "h", **values: Any) -> Event:
    """An exported event of a type of the catalogue; what is not given is as empty as its schema allows."""
    if not SCHEMAS:
        SCHEMAS.update(
            {path.name.split(".")[-2]: parse(path.read_text()) for path in settings.SCHEMAS_DIR.glob("*.avsc")}
        )
    schema = SCHEMAS[f"{name}Event"]
    later = "userId" in [item.name for item in schema.root.fields[0].type.fields]
    event_id = {"id": "u", "nonce": 1, "timestamp": 0, "derived": False}
    event_id |= {"userId": "u", "hostId": host} if later else {}
    given = {"EventId": event_id, "hostId": host, **values}
    empty: dict[str, Any] = {"string": "", "array": [], "int": 0, "long": 0, "boolean": False, "union": None}
    value = {item.name: given.get(item.name, empty.get(item.type.kind)) for item in schema.root.fields}
    return stage.event(promotion, value, schema)


@pytest.fixture
def release(db: None) -> Promotion:
    """Roles, a client's app and an API, most of them with what they refer to."""
    load(settings.SCHEMAS_DIR)
    made = stage.promotion()
    put(made, "RoleCreated", roleId="admin")
    put(made, "RoleUpdated", roleId="admin", roleDesc="better")
    put(made, "RolePermissionCreated", roleId="admin", apiId="pets", apiVersion="1", endpoint="/pets@get")
    put(made, "RoleUserCreated", roleId="admin", userId="anna")
    put(made, "RoleCreated", roleId="guest")
    put(made, "RoleCreated", "other-host", roleId="admin")
    put(made, "ServiceCreated", apiId="pets")
    put(made, "ServiceVersionCreated", apiId="pets", apiVersion="1")
    put(made, "ApiRuleCreated", apiId="pets", ruleIds=["r1", "r2"])
    put(made, "RuleCreated", ruleId="r1")
    put(made, "PasswordForgot", email="a@b.c")
    stage.quarantined(made)
    return made


ADMIN = Identity("Role", ("h", "admin"))


def labels(found: gathering.Gathering) -> list[str]:
    return sorted(each.label for each in found.things)


def test_kinds_are_counted_with_the_events_that_belong_to_none(release: Promotion) -> None:
    found, alone = kinds(release)
    assert found == {
        "ApiRule": 1,
        "Role": 4,
        "RolePermission": 1,
        "RoleUser": 1,
        "Rule": 1,
        "Service": 1,
        "ServiceVersion": 1,
    }
    assert alone == 1


def test_a_thing_is_gathered_with_its_parts_and_all_they_refer_to(release: Promotion) -> None:
    found = gather(release, ADMIN)
    assert labels(found) == [
        "Role h / admin",
        "RolePermission h / admin / pets / 1 / /pets@get",
        "RoleUser h / admin / anna",
        "Service h / pets",
        "ServiceVersion h / pets / 1",
    ]
    assert [(each.identity.label, each.wanted_by.label) for each in found.missing] == [
        ("User h / anna", "RoleUser h / admin / anna")
    ]
    assert (found.events, found.included, found.incomplete) == (6, 6, False)
    assert found.things[ADMIN].events == 2
    assert found.events_of(release).count() == 6
    assert found.others_of(release).count() == 6


def test_alone_means_without_its_parts(release: Promotion) -> None:
    assert labels(gather(release, ADMIN, parts=False)) == ["Role h / admin"]
    found = gather(release, Identity("RolePermission", ("h", "admin", "pets", "1", "/pets@get")), parts=False)
    assert labels(found) == [
        "Role h / admin",
        "RolePermission h / admin / pets / 1 / /pets@get",
        "Service h / pets",
        "ServiceVersion h / pets / 1",
    ]
    assert sorted(each.level for each in found.things.values()) == [0, 1, 1, 1]


def test_an_api_brings_its_versions_and_rules_and_says_which_rule_is_not_here(release: Promotion) -> None:
    found = gather(release, Identity("Service", ("h", "pets")))
    assert labels(found) == ["ApiRule h / pets", "Rule h / r1", "Service h / pets", "ServiceVersion h / pets / 1"]
    assert [each.identity.label for each in found.missing] == ["Rule h / r2"]


def test_references_end_after_some_levels_and_some_things(release: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    version = Identity("ServiceVersion", ("h", "pets", "1"))
    monkeypatch.setattr(gathering, "MOST_LEVELS", 0)
    assert (labels(gather(release, version, parts=False)), gather(release, version).incomplete) == (
        [version.label],
        True,
    )
    monkeypatch.undo()
    monkeypatch.setattr(gathering, "MOST_THINGS", 3)
    assert (len(gather(release, ADMIN).things), gather(release, ADMIN).incomplete) == (3, True)
    monkeypatch.undo()
    monkeypatch.setattr(gathering, "MOST_READ", 1)
    assert gather(release, ADMIN).incomplete
    monkeypatch.undo()
    assert not gather(release, ADMIN).incomplete


def test_two_things_that_refer_to_each_other_are_gathered_once(release: Promotion) -> None:
    fields = ", ".join(f'{{"name": "{name}", "type": "string"}}' for name in ("hostId", "giftId", "boxId"))
    for name, own in (("Gift", "giftId"), ("Box", "boxId")):
        schema = parse(cast.schema_text(f"a.{name}CreatedEvent", fields))
        stage.event(release, {"hostId": "h", "giftId": "g", "boxId": "b"}, schema)
        EventType.objects.filter(aggregate=name).update(proposed_key_fields=["host", own])
    found = gather(release, Identity("Gift", ("h", "g")))
    assert (labels(found), found.missing, found.incomplete) == (["Box h / b", "Gift h / g"], [], False)


def test_things_follow_what_goes_out(release: Promotion) -> None:
    event = release.events.in_order()[4]
    value = event.document | {"roleId": "moved"}
    edit(cast.user("manager"), event, 0, json.dumps(value))
    assert labels(gather(release, Identity("Role", ("h", "moved")))) == ["Role h / moved"]
    assert gather(release, Identity("Role", ("h", "guest"))).things == {}


def test_a_correction_tells_things_apart_anew_and_numbers_count_by_their_text(release: Promotion) -> None:
    names = EventType.objects.filter(full_name__endswith="ConfigPropertyUpdatedEvent").values_list(
        "full_name", flat=True
    )
    put(release, "ConfigPropertyUpdated", propertyId=7, configId=5)
    assert "ConfigProperty" not in kinds(release)[0]
    correct(cast.user("curator"), names, ["propertyId"], "They are numbered.")
    found = gather(release, Identity("ConfigProperty", ("7",)))
    assert labels(found) == ["ConfigProperty 7"]


def test_an_event_without_a_value_of_a_key_field_is_about_nothing(release: Promotion) -> None:
    before = release.events.about_things(keys_of_kind(release, "Role")).count()
    put(release, "RoleCreated", roleId="")
    put(release, "RoleCreated", "", roleId="x")
    assert release.events.about_things(keys_of_kind(release, "Role")).count() == before


@pytest.fixture
def browser(client: Client) -> Client:
    client.force_login(cast.user("manager"))
    return client


def url_of(promotion: Promotion, **query: str) -> str:
    return reverse("promotion:things", args=[promotion.pk], query=query)


def ref_of(promotion: Promotion, thing: Identity) -> str:
    rows = promotion.events.about_things(keys_of_kind(promotion, thing.aggregate)).by_thing()
    return next(row["ref"] for row in rows if row["thing"] == [thing.aggregate, *thing.values])


def shown(answer: Any) -> list[str]:
    return [row["identity"].label for row in answer.context["page"].rows]


def test_kinds_lead_to_things_and_these_to_what_is_gathered(browser: Client, release: Promotion) -> None:
    page = browser.get(reverse("promotion:events", args=[release.pk])).content.decode()
    assert url_of(release) in page
    page = browser.get(url_of(release)).content.decode()
    assert "7 kinds of things" in page
    assert "1 event belongs to none" in page
    answer = browser.get(url_of(release, kind="Role"))
    assert shown(answer) == ["Role h / admin", "Role h / guest", "Role other-host / admin"]
    assert [row["events"] for row in answer.context["page"].rows] == [2, 1, 1]
    page = browser.get(answer.context["page"].rows[0]["url"]).content.decode()
    assert "6 events of 5 things; 6 go out" in page
    assert "User h / anna" in page
    assert "the plan says whether the target has it" in page
    assert "exclude the other 5 events" in page


def test_things_are_found_by_a_part_of_their_id(browser: Client, release: Promotion) -> None:
    put(release, "RoleCreated", roleId='a "quoted" 100%_\\')
    for text, found in [
        ("ADMI", ["Role h / admin", "Role other-host / admin"]),
        ("other-", ["Role other-host / admin"]),
        ('"QUOTED" 100%_\\', ['Role h / a "quoted" 100%_\\']),
        ("adm%n", []),
        ("Role\0", None),
    ]:
        answer = browser.get(url_of(release, kind="Role", text=text))
        if found is None:
            assert answer.status_code == 422
        else:
            assert shown(answer) == found, text


def test_pages_of_things_follow_each_other(browser: Client, release: Promotion) -> None:
    for number in range(60):
        put(release, "RoleCreated", roleId=f"role-{number:02}")
    first = browser.get(url_of(release, kind="Role"))
    second = browser.get(first.context["page"].next_url)
    assert (len(shown(first)), len(shown(second))) == (50, 13)
    assert len({*shown(first), *shown(second)}) == 63
    assert second.context["page"].next_url == ""
    for cursor in ("x", "\0" * 64, "0" * 64, "é" * 64):
        assert shown(browser.get(url_of(release, kind="Role", after=cursor))) == shown(first)


def act(client: Client, promotion: Promotion, action: str, count: int, changes: dict[str, str] | None = None) -> Any:
    form = {"kind": "Role", "thing": ref_of(promotion, ADMIN), "parts": "yes", "action": action, "count": count}
    return client.post(url_of(promotion), form | (changes or {}))


def test_keeping_only_these_excludes_every_other_event_and_can_be_undone(browser: Client, release: Promotion) -> None:
    changes = release.changes
    page = browser.get(act(browser, release, "keep", 5).url)
    assert "5 events excluded." in page.content.decode()
    assert release.events.outgoing().count() == 6
    assert set(release.events.outgoing()) == set(gather(release, ADMIN).events_of(release))
    assert Promotion.objects.get(pk=release.pk).changes == changes + 1
    assert AuditEntry.objects.get(verb="exclude").after["events"] == 5
    undo = page.context["undo"]
    browser.post(
        reverse("promotion:events_select", args=[release.pk]), {"action": undo["action"], "event": undo["ids"]}
    )
    assert release.events.outgoing().count() == 11


def test_these_are_excluded_and_included_again(browser: Client, release: Promotion) -> None:
    act(browser, release, "exclude", 6)
    assert release.events.outgoing().count() == 5
    page = browser.get(url_of(release, kind="Role", thing=ref_of(release, ADMIN))).content.decode()
    assert "0 go out" in page
    assert "Exclude these" not in page
    act(browser, release, "include", 6)
    assert release.events.outgoing().count() == 11
    act(browser, release, "exclude", 2, {"parts": "no"})
    assert release.events.outgoing().count() == 9


def test_another_number_than_was_shown_changes_nothing(browser: Client, release: Promotion) -> None:
    exclude(cast.user("manager", "second"), release, [release.events.in_order()[0].pk])
    page = browser.get(act(browser, release, "exclude", 6).url).content.decode()
    assert "somebody else changed some meanwhile" in page
    assert release.events.outgoing().count() == 10


@pytest.mark.parametrize("wrong", [{"thing": "x"}, {"thing": ""}, {"action": "drop"}, {"count": "-1"}, {"kind": "a\0"}])
def test_a_form_that_names_nothing_is_refused(browser: Client, release: Promotion, wrong: dict[str, str]) -> None:
    assert act(browser, release, "keep", 5, wrong).status_code == 422
    assert release.events.outgoing().count() == 11


def test_a_thing_that_is_not_here_is_not_found(browser: Client, release: Promotion) -> None:
    assert browser.get(url_of(release, kind="Role", thing="0" * 64)).status_code == 404
    assert browser.get(url_of(release, kind="Rule", thing=ref_of(release, ADMIN))).status_code == 404
    assert browser.get(url_of(release, kind="No", thing=ref_of(release, ADMIN))).status_code == 404
    assert browser.get(url_of(release, kind="No")).status_code == 422
    assert (
        browser.get(url_of(stage.promotion(title="Another"), kind="Role", thing=ref_of(release, ADMIN))).status_code
        == 404
    )
    assert browser.get(reverse("promotion:things", args=[999_999])).status_code == 404
    with pytest.raises(NotFound):
        find(release, "Role", "")


def test_a_promotion_without_things_says_so(browser: Client, db: None) -> None:
    assert "None of these events names a thing" in browser.get(url_of(stage.promotion())).content.decode()


def test_hostile_ids_are_escaped_and_visible(browser: Client, release: Promotion) -> None:
    put(release, "RoleCreated", roleId=HOSTILE)
    put(release, "RoleUserCreated", roleId=HOSTILE, userId=HOSTILE * 100)
    thing = Identity("Role", ("h", HOSTILE))
    for url in (url_of(release, kind="Role"), url_of(release, kind="Role", thing=ref_of(release, thing))):
        page = browser.get(url).content.decode()
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "&lt;script&gt;" in page


def test_a_viewer_reads_and_after_the_replay_everybody_does(client: Client, release: Promotion) -> None:
    client.force_login(cast.user("viewer"))
    url = url_of(release, kind="Role", thing=ref_of(release, ADMIN))
    assert "Keep only these" not in client.get(url).content.decode()
    assert act(client, release, "keep", 5).status_code == 403
    Promotion.objects.filter(pk=release.pk).update(state=PromotionState.REPLAYED)
    client.force_login(cast.user("manager"))
    assert "Keep only these" not in client.get(url).content.decode()
    assert act(client, release, "keep", 5).status_code == 403
    assert release.events.outgoing().count() == 11


def test_the_action_asks_for_permission_and_for_the_number(release: Promotion) -> None:
    found = gather(release, ADMIN)
    with pytest.raises(Refused):
        gathering.act(cast.user("viewer"), release, found, "keep", 5)
    with pytest.raises(Conflict, match="5 events would change now, not 4"):
        gathering.act(cast.user("manager"), release, found, "keep", 4)
