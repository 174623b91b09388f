"""Plans, things, amendments, rules and files show no sensitive value without the right, and with it on request only."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from promotion import jobs
from promotion.actions import rules
from promotion.actions.download import download
from promotion.actions.outgoing import outgoing
from promotion.actions.rule_sets import save
from promotion.domain.files.items import Format
from promotion.domain.json_codec import to_json_value
from promotion.domain.masks import SIGN
from promotion.errors import InvalidInput, Refused
from promotion.models import Amendment, EventType, Plan, Promotion, PromotionJob, Revision, RuleList, Upload
from promotion.states import PromotionState, Verdict
from tests import cast
from tests.masking import stage
from tests.masking.test_event_pages import event_of
from tests.rules import stage as passes

pytestmark = pytest.mark.django_db
CHANGES = [
    {"path": "password", "from": "old-secret", "to": "hunter-two"},
    {"path": "email", "from": None, "to": "ada@example.com"},
    {"path": "devices[1]", "from": None, "to": {"id": "laptop", "secret": "key-of-the-laptop"}},
    {"path": "note", "from": "Before.", "to": "A note."},
]


def url(name: str, promotion: Promotion, *more: object, **query: object) -> str:
    return reverse(f"promotion:{name}", args=[promotion.pk, *more], query=query)


def planned(promotion: Promotion, verdict: Verdict = Verdict.CHANGED) -> Plan:
    made = cast.plan(promotion)
    label = "User ada@example.com"
    cast.judgement(made, event_of(promotion), verdict, changes=CHANGES, aggregate=label, problem="It is wrong.")
    return made


def leaks(promotion: Promotion, address: str, **more: Any) -> tuple[list[str], list[str]]:
    """The secrets that a page shows to somebody without the right, and to somebody who asked."""
    plain = stage.client(sensitive=True).get(address, **more)
    shown = stage.client(sensitive=True, shown=promotion).get(address, **more)
    other = stage.client("viewer").get(address, **more)
    assert plain.status_code == shown.status_code == other.status_code == 200
    assert stage.leaked(stage.seen(other)) == stage.leaked(stage.seen(plain))
    return stage.leaked(stage.seen(plain)), stage.leaked(stage.seen(shown))


@pytest.mark.parametrize("verdict", [Verdict.CHANGED, Verdict.CONFLICT])
def test_a_plan(promotion: Promotion, verdict: Verdict) -> None:
    made = planned(promotion, verdict)
    plain, shown = leaks(promotion, url("plan", promotion))
    assert plain == []
    assert set(shown) == {"ada@example.com", "hunter-two", "key-of-the-laptop"}
    assert stage.sights()[-1] == {"page": "plan", "plan": str(made.pk), "events": 1}
    page = stage.seen(stage.client().get(url("plan", promotion)))
    assert "old-secret" not in page
    assert "Before" in page
    assert "User •••masked•••" in page
    htmx = {"headers": {"HX-Request": "true"}}
    assert leaks(promotion, url("plan_steps", promotion), **htmx)[0] == []


def test_a_plan_finds_no_thing_by_a_sensitive_value(promotion: Promotion) -> None:
    planned(promotion)
    assert "•••masked•••" not in stage.seen(stage.client().get(url("plan", promotion, text="ada@")))
    assert "•••masked•••" in stage.seen(stage.client().get(url("plan", promotion, text="user")))
    assert "ada@example.com" in stage.seen(
        stage.client(sensitive=True, shown=promotion).get(url("plan", promotion, text="ada@exa"))
    )


def test_two_plans_compared_and_an_old_one(promotion: Promotion) -> None:
    old = planned(promotion)
    planned(promotion, Verdict.CONFLICT)
    assert leaks(promotion, url("plan_compare", promotion)) == ([], ["ada@example.com"])
    assert stage.sights()[-1]["page"] == "plans compared"
    assert leaks(promotion, url("plan_old", promotion, old.pk))[0] == []


def test_things(promotion: Promotion) -> None:
    assert leaks(promotion, url("things", promotion, kind="User")) == ([], ["ada@example.com"])
    page = stage.seen(stage.client().get(url("things", promotion, kind="User")))
    assert "User •••masked•••" in page
    ref = page.partition("thing=")[2][:64]
    gathered = url("things", promotion, kind="User", thing=ref)
    assert leaks(promotion, gathered) == ([], ["ada@example.com"])
    assert stage.sights()[-1] == {"page": "things", "things": 1}


def test_no_thing_is_found_by_a_sensitive_value(promotion: Promotion) -> None:
    address = url("things", promotion, kind="User", text="ada")
    assert "No such thing" in stage.seen(stage.client().get(address))
    assert "ada@" in stage.seen(stage.client(sensitive=True, shown=promotion).get(address))


def test_a_thing_that_is_masked_can_be_amended(promotion: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    Promotion.objects.filter(pk=promotion.pk).update(state=PromotionState.REPLAYED)
    promotion.refresh_from_db()
    browser = stage.client()
    updated = stage.NAME.replace("Created", "Updated")
    cast.event_type(updated, cast.Decision.PROMOTABLE, proposed_key_fields=["email"])
    listed = stage.seen(browser.get(url("things", promotion, kind="User")))
    ref = listed.partition("thing=")[2][:64]
    page = stage.seen(browser.get(url("amend", promotion, kind="User", thing=ref)))
    assert stage.leaked(page) == []
    assert 'value="•••masked•••"' in page
    form = {"kind": "User", "thing": ref, "value_0": "•••masked•••", "action": "Updated"}
    assert browser.post(url("amend", promotion), form).status_code == 302
    assert PromotionJob.objects.get().arguments["things"] == [["User", "ada@example.com"]]
    for wrong in ({"thing": ""}, {"value_0": "x•••masked•••"}, {"value_0": f"{SIGN} 1 abcd•••"}):
        answer = browser.post(url("amend", promotion), form | wrong)
        assert answer.status_code == 422
        assert "mask cannot be saved" in answer.content.decode()


def test_an_amendment_and_the_story(promotion: Promotion) -> None:
    from promotion.actions.amend import _begin

    Promotion.objects.filter(pk=promotion.pk).update(state=PromotionState.REPLAYED)
    promotion.refresh_from_db()
    made = _begin(cast.user("manager"), promotion)
    event = stage.user(made, stage.value())
    values = {"email": "old@example.com", "password": "old-secret", "note": "Before.", "devices": []}
    current = {"values": values, "needs": [], "identity": "00"}
    thing = "User ada@example.com"
    Amendment.objects.create(event=event, amends=event_of(promotion), thing=thing, found_at="1:7", current=current)
    planned(made)
    plain, shown = leaks(made, event.get_absolute_url())
    assert (plain, set(shown)) == ([], set(stage.SECRETS))
    page = stage.seen(stage.client().get(event.get_absolute_url()))
    assert "old-secret" not in page
    assert "User •••masked•••" in page
    assert "Before" in page
    plain, shown = leaks(promotion, url("story", promotion))
    assert (plain, set(shown)) == ([], {"ada@example.com", "hunter-two", "key-of-the-laptop"})
    assert stage.sights()[-1] == {"page": "story"}


REPLACE = {"name": "Secrets", "then": [{"do": "replace", "path": "**", "from": "hunter-two", "to": "hunter-three"}]}
SET = {"name": "Set", "then": [{"do": "set", "path": "password", "value": "a-new-password"}]}


def draft(promotion: Promotion, who: Any, *wanted: dict[str, Any]) -> None:
    version = RuleList.objects.of(promotion).version
    rules.add(who, promotion, version, rules.entries(list(wanted)))


def test_what_rules_report(promotion: Promotion) -> None:
    draft(
        promotion, cast.user("manager"), SET, {"name": "Note", "then": [{"do": "set", "path": "note", "value": "New"}]}
    )
    run = passes.preview(promotion)
    assert run.counts["changed"] == 1
    plain, shown = leaks(promotion, url("rules", promotion))
    assert (plain, shown) == ([], ["hunter-two"])
    page = stage.seen(stage.client().get(url("rules", promotion)))
    assert "A note." in page
    assert "•••masked•••" in page
    assert stage.sights()[-1] == {"page": "rules"}
    passes.apply(promotion)
    assert leaks(promotion, url("rules", promotion))[0] == []
    assert leaks(promotion, event_of(promotion).get_absolute_url())[0] == []


def test_a_rule_looks_into_sensitive_fields_only_where_it_says_so(promotion: Promotion) -> None:
    draft(promotion, cast.user("manager"), REPLACE)
    assert passes.preview(promotion).counts["changed"] == 0
    draft(promotion, stage.person("manager", True), REPLACE | {"name": "Open", "sensitive": True})
    assert passes.preview(promotion).counts["changed"] == 1


def test_only_who_may_see_lets_a_rule_look(promotion: Promotion) -> None:
    plain, reader = cast.user("manager"), stage.person("manager", True)
    wanted = REPLACE | {"sensitive": True}
    with pytest.raises(Refused, match="sensitive"):
        draft(promotion, plain, wanted)
    draft(promotion, reader, wanted)
    [entry] = RuleList.objects.of(promotion).draft or []
    version = RuleList.objects.of(promotion).version
    rules.enable(plain, promotion, version, entry["id"], False)  # it stays what it is
    with pytest.raises(Refused, match="sensitive"):
        rules.replace(plain, promotion, version + 1, entry["id"], entry["rule"] | {"name": "Mine"})
    with pytest.raises(Refused, match="sensitive"):
        save(plain, "open", [wanted])
    version_of_set = save(reader, "open", [wanted])
    assert save(plain, "open", [wanted, {"name": "More", "then": [{"do": "exclude"}]}]).number == 2
    rules.change(plain, promotion, version + 1, lambda _: [])
    with pytest.raises(Refused, match="sensitive"):
        rules.take(plain, promotion, version + 2, version_of_set)
    rules.take(reader, promotion, version + 2, version_of_set)


@pytest.mark.parametrize("way", ["rule", "json"])
def test_the_form_of_a_rule_says_who_may_let_it_look(promotion: Promotion, way: str) -> None:
    form: dict[str, Any] = {
        "version": 0, "name": "Open", "on_invalid": "refuse", "sensitive": "on", "conditions": 1, "actions": 1,
        "actions-0-kind": "drop", "actions-0-path": "password",
    }  # fmt: skip
    if way == "json":
        drop = {"name": "Open", "then": [{"do": "drop", "path": "password"}], "sensitive": True}
        form = {"version": 0, "text": json.dumps(drop)}
    address = f"{url('rule_add', promotion)}?as={way}"
    answer = stage.client().post(address, form)
    assert answer.status_code == 403
    assert "sensitive reader" in answer.content.decode()
    assert stage.client(sensitive=True).post(address, form).status_code == 302
    [entry] = RuleList.objects.of(promotion).draft or []
    assert entry["rule"]["sensitive"] is True
    edit = stage.seen(stage.client(sensitive=True).get(url("rule_edit", promotion, entry["id"])))
    assert 'name="sensitive" ' in edit
    assert "checked" in edit.partition('name="sensitive"')[2][:200]
    assert "may look into sensitive fields" in stage.seen(stage.client().get(url("rules", promotion)))


def test_no_rule_set_and_no_draft_holds_a_mask(promotion: Promotion) -> None:
    wrong = {"name": "Mask", "then": [{"do": "set", "path": "note", "value": f"{SIGN} 1 abcd•••"}]}
    with pytest.raises(InvalidInput, match="cannot be used"):
        rules.entries([wrong])
    with pytest.raises(InvalidInput, match="cannot be used"):
        save(cast.user("manager"), "masks", [wrong])


FORMATS = pytest.mark.parametrize("form", Format)


def content_of(promotion: Promotion, form: Format, **options: Any) -> bytes:
    return b"".join(download(None, promotion, form=form, **options).blocks())


def uploaded(promotion: Promotion, content: bytes) -> Upload:
    stage.client().post(url("upload", promotion), {"file": SimpleUploadedFile("edited", content), "format": ""})
    job = PromotionJob.objects.filter(promotion=promotion).first()
    assert job is not None
    jobs.run(str(job.pk))
    return Upload.objects.get(promotion=promotion)


@FORMATS
@pytest.mark.parametrize("plain", [False, True])
def test_a_file_carries_masks_and_comes_back_unchanged(promotion: Promotion, form: Format, plain: bool) -> None:
    content = content_of(promotion, form, plain=plain)
    assert stage.leaked(content) == []
    assert content.count(b"masked ") == 4
    assert uploaded(promotion, content).counts == {"unchanged": 1}


@FORMATS
@pytest.mark.parametrize("plain", [False, True])
def test_a_file_with_masks_is_edited_and_applied(promotion: Promotion, form: Format, plain: bool) -> None:
    content = content_of(promotion, form, plain=plain).replace(b"A note.", b"Edited.")
    made = uploaded(promotion, content)
    assert made.counts == {"changed": 1}
    assert stage.client().post(url("upload_apply", promotion, made.pk), {"missing": "keep"}).status_code == 302
    body = outgoing(event_of(promotion))
    assert to_json_value(body.schema, body.data) == stage.value(note="Edited.")
    assert SIGN.encode() not in bytes(Revision.objects.get().body or b"")


def test_a_mask_that_was_moved_in_a_file_is_named_in_the_report(promotion: Promotion) -> None:
    content = content_of(promotion, Format.JSONL)
    password = json.loads(content.splitlines()[1])["value"]["password"]
    made = uploaded(promotion, content.replace(b"A note.", f"It is {password}".encode()))
    assert made.counts == {"invalid": 1}
    page = stage.seen(stage.client().get(made.get_absolute_url()))
    assert "$.note" in page
    assert "found a mask" in page
    assert stage.leaked(page) == []


def test_a_value_of_the_wrong_type_at_a_masked_place_is_not_in_the_report(promotion: Promotion) -> None:
    content = _open_file(promotion)
    made = uploaded(promotion, content.replace(b'"ada@example.com"', b'["hunter-two"]'))
    assert made.counts == {"invalid": 1}
    assert stage.leaked(str(list(made.lines.values_list("problems", flat=True)))) == []


def _open_file(promotion: Promotion) -> bytes:
    reader = stage.person("manager", True)
    return b"".join(download(reader, promotion, form=Format.JSONL, sensitive=True).blocks())


@FORMATS
def test_a_download_with_values_is_asked_for_and_audited(promotion: Promotion, form: Format) -> None:
    address = url("download", promotion)
    asked = {"format": form.value, "sensitive": "on"}
    assert "With the values of sensitive fields" not in stage.seen(stage.client().get(address))
    assert "With the values of sensitive fields" in stage.seen(stage.client(sensitive=True).get(address))
    assert stage.client().get(address, asked).status_code == 403
    for browser in (stage.client(sensitive=True), stage.client(sensitive=True, shown=promotion)):
        assert stage.leaked(stage.seen(browser.get(address, {"format": form.value}))) == []
    assert stage.sights() == []
    assert stage.leaked(stage.seen(stage.client(sensitive=True).get(address, asked))) == list(stage.SECRETS)
    assert stage.sights() == [{"page": "download", "format": form.value, "events": 1, "all": False}]


def test_the_receipt_and_the_promotion_show_nothing(promotion: Promotion) -> None:
    planned(promotion)
    for name in ("promotion", "receipt", "replay", "download", "upload"):
        assert stage.leaked(stage.seen(stage.client().get(url(name, promotion)))) == []


def test_key_fields_that_are_not_sensitive_are_named(promotion: Promotion) -> None:
    EventType.objects.filter(full_name=stage.NAME).update(proposed_sensitive_fields=["password"])
    page = stage.seen(stage.client().get(url("things", promotion, kind="User", text="ada")))
    assert "ada@example.com" in page


def test_the_same_field_in_many_events(promotion: Promotion) -> None:
    event = event_of(promotion)
    form = {"event": str(event.pk), "path": "password", "value": "a-new-one", "step": "look"}
    browser = stage.client()
    plain = stage.seen(browser.post(url("events_together", promotion), form))
    assert stage.leaked(plain) == []
    assert "•••masked•••" in plain
    shown = stage.seen(stage.client(sensitive=True, shown=promotion).post(url("events_together", promotion), form))
    assert stage.leaked(shown) == ["hunter-two"]
    assert stage.sights() == [{"page": "edit together", "events": 1}]
    for text in (f"{SIGN} 1 abcd•••", f'"{SIGN}"', '"\\u2022\\u2022\\u2022masked 1 abcd\\u2022\\u2022\\u2022"'):
        wrong = browser.post(url("events_together", promotion), form | {"path": "note", "value": text})
        assert wrong.status_code == 422
        assert "mask cannot be saved" in wrong.content.decode()
    everything = {"everything": "on", "query": "field=password+%3D+hunter-two", "step": ""}
    assert browser.post(url("events_together", promotion), everything).status_code == 422


def test_the_editor_is_told_what_is_wrong_without_values(promotion: Promotion) -> None:
    event, browser = event_of(promotion), stage.client()
    check = url("event_check", promotion, event.pk)
    good = json.dumps(stage.value())
    assert browser.post(check, {"outgoing": good}).json()["problems"] == []
    answer = browser.post(check, {"outgoing": json.dumps(stage.value(note=f"{SIGN} 1 abcd•••"))})
    assert answer.json()["problems"][0]["path"] == "note"
