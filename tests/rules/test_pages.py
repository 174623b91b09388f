import json
import re
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from promotion.actions import rule_sets
from promotion.actions.rules import drafted
from promotion.forms.rules import RuleForm
from promotion.models import PromotionJob, Revision, RuleList, RulePass
from promotion.states import JobKind, JobState, PlanState, PromotionState, RevisionKind
from tests import cast
from tests.events import stage

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202ex"
HTMX = {"HX-Request": "true"}


def url(name, promotion, *args, **query):
    return reverse(f"promotion:{name}", args=[promotion.pk, *args], query=query)


def draft(promotion):
    return drafted(RuleList.objects.of(promotion))


def names(promotion):
    return [each["rule"]["name"] for each in draft(promotion)]


def version(promotion):
    return RuleList.objects.of(promotion).version


def press(browser, promotion, name, rule=None, headers=None, **values):
    """Press a button of the list."""
    at = url(name, promotion, *([rule["id"]] if rule else []))
    return browser.post(at, {"version": version(promotion), **values}, headers=headers or {})


def write(browser, promotion, way, typed, rule=None):
    """Send a form of a rule as a browser does."""
    at = url("rule_edit", promotion, rule["id"], **{"as": way}) if rule else url("rule_add", promotion, **{"as": way})
    return browser.post(at, {"version": version(promotion), **typed})


def pairs(*given, **others):
    rows = {
        f"pair-{n}-{side}": text
        for n, pair in enumerate(given)
        for side, text in zip(("old", "new"), pair, strict=True)
    }
    return {"rows": len(given), "where": "field", "name": "", **rows, **others}


def rows(when=(), then=(), **others):
    """What a browser posts of the whole form."""
    typed = {"name": "A rule", "on_invalid": "refuse", "conditions": len(when) or 1, "actions": len(then) or 1}
    for part, given in (("conditions", when), ("actions", then)):
        typed |= {f"{part}-{n}-{name}": text for n, row in enumerate(given) for name, text in row.items()}
    return typed | others


def ran(promotion, dry=True, **fields):
    """A pass that has ended, with its job."""
    run = RulePass.objects.create(
        promotion=promotion, author=cast.user("manager"), dry=dry, rules=draft(promotion), finished_at=timezone.now(),
        **{"counts": {"seen": 10, "matched": 7, "changed": 5, "restored": 0, "excluded": 0, "included": 0, "invalid": 0,
                      "by_rule": {each["id"]: {"matched": 7, "changed": 5} for each in draft(promotion)}}, **fields},
    )  # fmt: skip
    arguments = {"pass": str(run.pk), "changes": promotion.changes}
    PromotionJob.objects.create(
        kind=JobKind.PREVIEW_RULES if dry else JobKind.REWRITE, promotion=promotion, requested_by=run.author,
        arguments=arguments, state=JobState.SUCCEEDED,
    )  # fmt: skip
    return run


def page(browser, promotion):
    return browser.get(url("rules", promotion)).content.decode()


def test_one_pair_of_hosts_becomes_a_replacement_and_several_become_a_table(browser, promotion):
    assert write(browser, promotion, "host", pairs(("host-0", "host-sit"))).status_code == 302
    two = pairs(("host-0", "host-sit"), ("", ""), ("host-1", "host-uat"), name="Hosts")
    assert write(browser, promotion, "host", two).status_code == 302
    assert names(promotion) == ["Move host host-0 to host-sit", "Hosts"]
    assert [each["rule"]["then"] for each in draft(promotion)] == [
        [{"do": "replace", "path": "**.hostId", "from": "host-0", "to": "host-sit"}],
        [
            {
                "do": "map",
                "path": "**.hostId",
                "table": {"host-0": "host-sit", "host-1": "host-uat"},
                "otherwise": "keep",
            }
        ],
    ]


def test_a_user_is_moved_in_every_generation_of_event_id(browser, promotion):
    write(browser, promotion, "user", pairs(("user-0", "user-sit")))
    write(browser, promotion, "user", pairs(("user-0", "user-sit"), where="event"))
    assert [[action["path"] for action in each["rule"]["then"]] for each in draft(promotion)] == [
        ["**.userId", "EventId.id"], ["**"],
    ]  # fmt: skip
    assert names(promotion)[1].endswith("(2)")


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ([("", "")], "pair-0-old", "Say which host"),
        ([("a", "")], "pair-0-new", "both sides"),
        ([("a", "a")], "pair-0-new", "there already"),
        ([("a", "b"), ("a", "c")], "pair-1-old", "twice"),
    ],
)
def test_a_pair_that_is_none_is_said_at_its_field_and_nothing_typed_is_lost(browser, promotion, given, field, says):
    answer = write(browser, promotion, "host", pairs(*given, name="What I typed"))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(rf'id="id_{field}_error">.*{says}', text, re.DOTALL)
    assert "What I typed" in text
    assert draft(promotion) == []


def test_the_forms_propose_what_the_events_have(browser, promotion):
    text = browser.get(url("rule_add", promotion, **{"as": "host"})).content.decode()
    for known in ("host-0", "host-1", "user-2", "RoleCreatedEvent", "Role"):
        assert f'<option value="{known}">' in text
    assert 'list="known-hosts"' in text


def test_more_rows_are_asked_for_by_a_button_and_what_was_typed_stays(browser, promotion):
    answer = write(browser, promotion, "host", pairs(("a", ""), more="pair"))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="pair-1-old"' in text
    assert 'value="a"' in text
    assert 'name="rows" value="2"' in text
    typed = rows([{"kind": "host", "host": "host-0"}], [{"kind": "drop", "path": "roleDesc"}], more="action")
    text = write(browser, promotion, "rule", typed).content.decode()
    assert 'name="actions-1-kind"' in text
    assert 'name="conditions-1-kind"' not in text
    assert 'value="roleDesc"' in text
    assert draft(promotion) == []


EVERYTHING = {
    "name": "Everything",
    "when": [
        {"is": "type", "any": ["RoleCreatedEvent", "net.lightapi.portal.role.RoleUpdatedEvent"]},
        {"is": "aggregate", "any": ["Role"]},
        {"is": "action", "any": ["Created"]},
        {"is": "host", "any": ["a, b", 'c"d']},
        {"is": "user", "any": ["user-0"]},
        {"is": "equals", "path": "roleId", "any": ["5", 5, True, None]},
        {"is": "equals", "path": "roleDesc", "any": ["plain, with a comma"]},
        {"is": "matches", "path": "labels{\"a b\"}", "pattern": " ^a+$ "},
        {"is": "missing", "path": "items[*].id"},
        {"is": "position", "partition": 0, "start": 5, "end": 9},
        {"is": "time", "since": 1_760_000_000_001, "until": 1_760_000_100_000},
    ],
    "then": [
        {"do": "replace", "path": "**.hostId", "from": "5", "to": 5},
        {"do": "set", "path": "roleDesc", "value": {"a": [1, 2]}},
        {"do": "map", "path": "roleId", "table": {"a": "b", "c": ""}, "otherwise": "invalid"},
        {"do": "regex", "path": "roleId", "pattern": "^a(b)", "to": "\\1"},
        {"do": "regex", "path": "roleId", "pattern": "x", "to": ""},
        {"do": "rename", "path": "roleDesc", "to": "description"},
        {"do": "drop", "path": "description"},
        {"do": "retype", "to": "net.lightapi.portal.role.RoleUpdatedEvent"},
        {"do": "generate", "path": "EventId.id"},
        {"do": "map_generate", "path": "roleId", "source": "hostId", "scope": "pair"},
        {"do": "map_generate", "path": "roleId", "scope": "promotion"},
        {"do": "shift", "path": "EventId.timestamp", "by": "-36h"},
        {"do": "exclude"},
        {"do": "include"},
        {"do": "event_id"},
    ],
    "on_invalid": "exclude",
}  # fmt: skip


def test_the_whole_form_shows_and_saves_every_kind_of_condition_and_action(browser, promotion):
    made = cast.rule(promotion, **EVERYTHING)
    assert RuleForm.shows(made["rule"])
    form = browser.get(url("rule_edit", promotion, made["id"])).context["form"]
    typed = {"name": "Renamed", "on_invalid": "exclude", "conditions": len(form.when), "actions": len(form.then)}
    for row in [*form.when, *form.then]:
        values = {name: row[name].value() for name in row.fields}
        typed |= {row.add_prefix(name): "" if value is None else value for name, value in values.items()}
    assert write(browser, promotion, "rule", typed, made).status_code == 302
    [saved] = draft(promotion)
    assert saved["rule"] == made["rule"] | {"name": "Renamed"}
    assert saved["id"] == made["id"]


def test_a_rule_that_the_form_cannot_show_is_edited_as_json(browser, promotion):
    action = {"do": "map", "path": "roleId", "table": {"two\nlines": "x"}, "otherwise": "keep"}
    made = cast.rule(promotion, then=[action])
    answer = browser.get(url("rule_edit", promotion, made["id"]))
    assert answer.context["way"] == "json"
    assert "two\\nlines" in answer.content.decode()
    text = answer.context["form"].typed.replace('"x"', '"y"')
    assert write(browser, promotion, "json", {"text": text}, made).status_code == 302
    assert draft(promotion)[0]["rule"]["then"] == [action | {"table": {"two\nlines": "y"}}]


@pytest.mark.parametrize(
    ("when", "then", "field", "says"),
    [
        ([{"kind": "matches", "path": "a", "pattern": "(a"}], [{"kind": "exclude"}], "conditions-0-pattern", "Not a"),
        ([{"kind": "equals", "path": "roleId"}], [{"kind": "exclude"}], "conditions-0-values", "missing"),
        ([{}, {"kind": "missing", "path": "a..b"}], [{"kind": "exclude"}], "conditions-1-path", "At character 2"),
        ([{"kind": "position", "partition": "-1"}], [{"kind": "exclude"}], "conditions-0-partition", "greater"),
        ([], [{}, {"kind": "shift", "path": "a", "by": "soon"}], "actions-1-by", "duration"),
        ([], [{"kind": "set", "path": "a", "value": "{x"}], "actions-0-value", "Not JSON"),
        ([], [{"kind": "map", "path": "a", "table": "a => b\nc"}], "actions-0-table", "Line 2"),
        ([], [{"kind": ""}], "actions-0-kind", "Choose what"),
    ],
)  # fmt: skip
def test_every_problem_of_a_rule_is_said_at_its_field(browser, promotion, when, then, field, says):
    answer = write(browser, promotion, "rule", rows(when, then))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(rf'id="id_{field}_error">.*?{re.escape(says)}', text, re.DOTALL), text
    assert "A rule" in text
    assert draft(promotion) == []


def test_what_two_fields_say_together_is_said_at_their_row(browser, promotion):
    then = [{"kind": "replace", "path": "a", "old": "x", "value": "x"}]
    answer = write(browser, promotion, "rule", rows(then=then))
    assert answer.status_code == 422
    assert "from and to are the same" in answer.content.decode()


def test_a_name_that_another_rule_has_is_said_at_the_name(browser, promotion):
    cast.rule(promotion, name="A rule")
    answer = write(browser, promotion, "rule", rows(then=[{"kind": "exclude"}]))
    assert answer.status_code == 422
    assert "has the name" in str(answer.context["form"].errors["name"])


def test_json_names_every_problem_by_its_place(browser, promotion):
    rule = {"when": [{"is": "host", "any": []}], "then": [{"do": "shift", "path": "a", "by": "soon"}, 5], "x": 1}
    answer = write(browser, promotion, "json", {"text": json.dumps(rule)})
    assert answer.status_code == 422
    assert {each["path"] for each in answer.context["form"].problems} == {
        "name",
        "when[0].any",
        "then[0].by",
        "then[1]",
        "",
    }
    assert write(browser, promotion, "json", {"text": "{"}).status_code == 422
    assert write(browser, promotion, "json", {"text": "[]"}).status_code == 422


def test_what_the_database_cannot_keep_is_refused_in_words(browser, promotion):
    rule = {"name": "x", "when": [], "then": [{"do": "replace", "path": "a", "from": "a\0", "to": "b"}]}
    answer = write(browser, promotion, "json", {"text": json.dumps(rule)})
    assert answer.status_code == 422
    assert "U+0000" in answer.content.decode()


def test_two_who_write_at_once_lose_nothing(browser, promotion):
    made = cast.rule(promotion, name="Theirs")
    seen = version(promotion)
    press(browser, promotion, "rule_enable", made, enabled="no")
    typed = rows(then=[{"kind": "exclude"}], version=seen)
    answer = write(browser, promotion, "rule", typed)
    assert answer.status_code == 409
    assert "Somebody else changed the rules" in answer.content.decode()
    assert 'value="A rule"' in answer.content.decode()
    assert names(promotion) == ["Theirs"]
    assert write(browser, promotion, "rule", typed | {"version": answer.context["version"]}).status_code == 302
    assert names(promotion) == ["Theirs", "A rule"]


def test_a_rule_that_somebody_removed_meanwhile_can_be_saved_as_a_new_one(browser, promotion):
    made = cast.rule(promotion)
    press(browser, promotion, "rule_remove", made)
    answer = write(browser, promotion, "rule", rows(then=[{"kind": "exclude"}]), made)
    assert answer.status_code == 409
    assert "save it as a new rule" in answer.content.decode()
    assert f'action="{url("rule_add", promotion)}?as=rule"' in answer.content.decode()


def test_the_list_shows_the_draft_beside_what_is_applied(browser, promotion):
    applied = [cast.rule(promotion, name=name, applied=True) for name in ("First", "Second", "Third", "Fourth")]
    assert "not applied" not in page(browser, promotion)
    press(browser, promotion, "rule_move", applied[2], by="-1")
    press(browser, promotion, "rule_enable", applied[0], enabled="no")
    press(browser, promotion, "rule_remove", applied[3])
    write(browser, promotion, "host", pairs(("a", "b")))
    answer = browser.get(url("rules", promotion))
    assert [(line.name, line.status) for line in answer.context["lines"]] == [
        ("First", "changed"), ("Third", "applied"), ("Second", "moved"), ("Move host a to b", "new"),
        ("Fourth", "removed"),
    ]  # fmt: skip
    assert "4 changes are not applied." in answer.content.decode()
    assert "replace &quot;host-1&quot; by &quot;host-sit&quot; everywhere in hostId" in answer.content.decode()
    press(browser, promotion, "rule_put_back", applied[3])
    assert names(promotion) == ["First", "Third", "Second", "Fourth", "Move host a to b"]
    press(browser, promotion, "rules_discard")
    assert RuleList.objects.of(promotion).draft is None
    assert names(promotion) == ["First", "Second", "Third", "Fourth"]


def test_a_button_brings_htmx_the_list_and_a_conflict_above_it(browser, promotion):
    made = cast.rule(promotion)
    answer = press(browser, promotion, "rule_enable", made, HTMX, enabled="no")
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert f'id="rest-{made["id"]}"' in answer.content.decode()
    answer = press(browser, promotion, "rule_enable", made, HTMX, enabled="yes", version=0)
    assert answer.status_code == 409
    assert "Somebody else changed the rules" in answer.content.decode()
    assert not draft(promotion)[0]["enabled"]


def test_a_preview_and_an_apply_ask_a_worker(browser, promotion):
    made = cast.rule(promotion)
    assert press(browser, promotion, "rules_preview").status_code == 302
    job = promotion.jobs.get()
    assert job.kind == JobKind.PREVIEW_RULES
    assert 'hx-trigger="job-moved from:body"' in page(browser, promotion)
    assert browser.get(url("rules", promotion), headers=HTMX).templates[0].name.endswith("_polled.html")
    PromotionJob.objects.update(state=JobState.SUCCEEDED)
    assert press(browser, promotion, "rules_apply").status_code == 302
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REWRITING
    assert RulePass.objects.get(dry=False).rules == [made]


def test_a_preview_is_confirmed_by_its_exact_numbers(browser, promotion):
    cast.rule(promotion)
    run = ran(promotion)
    assert "This is what applying the draft would do." in page(browser, promotion)
    confirm = browser.get(url("rules_apply", promotion)).content.decode()
    assert "Change 5 of 10 events" in confirm
    promotion.events.first()
    type(promotion).objects.filter(pk=promotion.pk).update(changes=7)
    assert "This preview no longer fits." in page(browser, promotion)
    assert "Preview first" in browser.get(url("rules_apply", promotion)).content.decode()
    answer = press(browser, promotion, "rules_apply", run=run.pk)
    assert answer.status_code == 409
    assert not promotion.jobs.active().exists()


def test_a_preview_of_another_draft_no_longer_fits(browser, promotion):
    made = cast.rule(promotion)
    ran(promotion)
    press(browser, promotion, "rule_enable", made, enabled="no")
    assert "This preview no longer fits." in page(browser, promotion)


def test_an_apply_of_rules_that_somebody_changed_is_a_conflict(browser, promotion):
    cast.rule(promotion)
    seen = version(promotion)
    cast.rule(promotion, name="Another")
    RuleList.objects.filter(pk=promotion.pk).update(version=seen + 1)
    assert press(browser, promotion, "rules_apply", version=seen).status_code == 409
    assert not promotion.jobs.exists()


def test_the_report_shows_values_samples_and_what_would_be_invalid(browser, promotion):
    cast.rule(promotion)
    event = promotion.events.first()
    about = {"event": event.pk, "at": str(event), "type": "RoleCreatedEvent"}
    values = [{"from": f"a{n}{HOSTILE}", "to": "b", "events": 9} for n in range(6)]
    ran(
        promotion,
        fields=[{"path": "hostId", "events": 100, "values": values, "more": 7}],
        samples=[{**about, "changes": [{"path": "hostId", "from": None, "to": {"<b>": 5}}]}],
        problems=[{**about, "problems": [f"No field. {HOSTILE}"]}],
        counts={"seen": 10, "matched": 7, "changed": 5, "invalid": 1, "by_rule": {}},
    )
    text = page(browser, promotion)
    assert "<script>alert" not in text
    assert "<b>" not in text
    assert "and 8 more values" in text
    assert "1 event invalid" in text
    assert "The draft cannot be applied like this." in text
    assert reverse("promotion:event", args=[promotion.pk, event.pk]) in text
    assert "Change 5" not in browser.get(url("rules_apply", promotion)).content.decode()


def test_a_refused_pass_shows_its_problems(browser, promotion):
    cast.rule(promotion)
    run = RulePass.objects.create(promotion=promotion, author=cast.user("manager"), dry=False, rules=draft(promotion))
    PromotionJob.objects.create(
        kind=JobKind.REWRITE, promotion=promotion, requested_by=run.author, arguments={"pass": str(run.pk)},
        state=JobState.REFUSED, error="It would make 3 events invalid.", problems=["0:1 has no host."],
    )  # fmt: skip
    text = page(browser, promotion)
    assert "It would make 3 events invalid." in text
    assert "0:1 has no host." in text


def test_one_click_undoes_an_applied_rule(browser, promotion):
    applied = [cast.rule(promotion, name=name, applied=True) for name in ("First", "Second")]
    assert "Undo this rule" in page(browser, promotion)
    assert press(browser, promotion, "rule_undo", applied[0]).status_code == 302
    assert RulePass.objects.get().rules == [applied[1]]


def test_a_rule_set_is_proposed_taken_and_its_next_version_takes_its_place(browser, promotion, manager):
    cast.rule(promotion, name="Own")
    rule = {"name": "From the set", "when": [], "then": [{"do": "exclude"}]}
    first = rule_sets.save(manager, "dev to sit", [rule], source=promotion.source, target=promotion.target)
    assert "Add version 1" in page(browser, promotion)
    press(browser, promotion, "rules_take", set=first.rule_set_id, number=1)
    cast.rule(promotion, name="Last")
    assert "From version 1 of the rule set" in page(browser, promotion)
    rule_sets.save(
        manager, "dev to sit", [rule, rule | {"name": "More"}], source=promotion.source, target=promotion.target
    )
    assert "Take version 2 in its place" in page(browser, promotion)
    press(browser, promotion, "rules_take", set=first.rule_set_id, number=2)
    assert names(promotion) == ["Own", "From the set", "More", "Last"]


def test_the_draft_is_kept_as_a_rule_set_and_a_further_version_is_confirmed(browser, promotion):
    made = cast.rule(promotion, name="Kept")
    cast.rule(promotion, name="Rests")
    press(browser, promotion, "rule_enable", draft(promotion)[1], enabled="no")
    save = url("rules_save", promotion)
    assert browser.post(save, {"name": "dev to sit", "note": "First"}).status_code == 302
    kept = rule_sets.version_of("dev to sit")
    assert [each["id"] for each in kept.rules] == [made["id"]]
    assert (kept.rule_set.source, kept.rule_set.target) == (promotion.source, promotion.target)
    press(browser, promotion, "rule_enable", draft(promotion)[1], enabled="yes")
    answer = browser.post(save, {"name": "dev to sit", "note": "Second"})
    assert "Save as version 2" in answer.content.decode()
    assert "Second" in answer.content.decode()
    assert browser.post(save, {"name": "dev to sit", "note": "", "expected": "2"}).status_code == 302
    assert rule_sets.version_of("dev to sit").number == 2


def test_files_of_the_older_importer_and_ours_are_taken(browser, promotion):
    ours = json.dumps([{"name": "Ours", "when": [], "then": [{"do": "exclude"}]}])
    older = json.dumps([{"field": "hostId", "from": "host-0", "to": "host-sit"}])
    for name, text in (("a.json", ours), ("b.json", older), ("c.json", older)):
        file = SimpleUploadedFile(name, text.encode())
        assert press(browser, promotion, "rules_file", file=file).status_code == 302
    assert names(promotion) == ["Ours", "Entry 1 of b.json", "Entry 1 of c.json"]
    for text in (b"{", b"5", b'[{"name": "x", "then": [{"do": "fly"}]}]', b"\xff"):
        answer = press(browser, promotion, "rules_file", file=SimpleUploadedFile("bad.json", text))
        assert answer.status_code == 422, text
    assert len(draft(promotion)) == 3


def test_the_event_and_its_history_say_which_rules_changed_it(browser, promotion):
    made = cast.rule(promotion, name=f"To sit {HOSTILE[:25]}", applied=True)
    event = promotion.events.in_order()[0]
    revision = Revision.objects.create(
        event=event, number=1, kind=RevisionKind.RULES, schema=event.schema, rules=[made["id"], str(uuid.uuid4())],
        body=bytes(event.value)[5:], author=cast.user("manager"),
    )  # fmt: skip
    event.revision = revision
    event.save()
    text = browser.get(event.get_absolute_url()).content.decode()
    assert "Rules changed this event." in text
    assert text.count("To sit &lt;script&gt;") == 2
    assert "a rule that is no longer here" in text
    assert "<script>alert" not in text
    assert (
        browser.get(reverse("promotion:events", args=[promotion.pk], query={"state": "rules"})).context["number"] == 1
    )


def test_the_plan_and_the_approval_show_the_rules_that_are_part_of_them(client):
    promotion = cast.exported(target=cast.environment("prod", protected=True))
    made = cast.rule(promotion, applied=True)
    plan = cast.plan(promotion, PlanState.SUBMITTED, rules=[made])
    client.force_login(cast.user("approver"))
    assert "everywhere in hostId" in client.get(reverse("promotion:plan", args=[promotion.pk])).content.decode()
    answer = client.post(reverse("promotion:plan_approve", args=[promotion.pk, plan.pk]), {})
    assert "everywhere in hostId" in answer.content.decode()


def test_the_promotion_its_steps_and_its_events_lead_to_the_rules(browser, promotion):
    cast.rule(promotion, applied=True)
    text = browser.get(promotion.get_absolute_url()).content.decode()
    assert "what goes out, 1 rule" in text
    assert url("rules", promotion) in text
    assert url("rules", promotion) in browser.get(reverse("promotion:events", args=[promotion.pk])).content.decode()


def test_hostile_names_are_shown_and_never_markup(browser, promotion):
    hostile = "<script>alert(1)</script>\u202e"
    write(browser, promotion, "host", pairs((hostile, '"><img src=x>'), name=hostile))
    event = stage.event(promotion, stage.role(hostId="<img src=x onerror=alert(1)>"))
    assert event.host.startswith("<img")
    for at in (url("rules", promotion), url("rule_add", promotion), url("rules_apply", promotion),
               url("rule_edit", promotion, draft(promotion)[0]["id"]), url("rules_save", promotion)):  # fmt: skip
        text = browser.get(at).content.decode()
        assert "<script>alert" not in text
        assert "<img" not in text


def test_nobody_changes_rules_of_a_promotion_that_is_not_editable(browser):
    promotion = stage.promotion(1, PromotionState.REPLAYED)
    made = cast.rule(promotion, applied=True)
    text = page(browser, promotion)
    assert "Remove" not in text
    assert "Undo this rule" not in text
    assert press(browser, promotion, "rule_remove", made).status_code == 403
    assert press(browser, promotion, "rule_undo", made).status_code == 403


@pytest.mark.parametrize(
    "action",
    [{"do": "drop", "path": "roleDesc"}, {"do": "set", "path": "title", "value": None}, {"do": "event_id"},
     {"do": "map", "path": "kind", "table": {"A": None}}, {"do": "retype", "to": "x.y.RoleCreatedEvent"}],
)  # fmt: skip
def test_a_link_of_the_plan_begins_a_rule_that_a_person_completes(browser, promotion, action):
    from promotion.templatetags.rules import suggestion

    url = reverse("promotion:rule_add", args=[promotion.pk])
    page = browser.get(f"{url}?suggest={suggestion('net.lightapi.portal.role.RoleCreatedEvent', action)}")
    assert page.status_code == 200
    assert f"RoleCreatedEvent: {action['do'].replace('_', ' ')}" in page.content.decode()
    assert "net.lightapi.portal.role.RoleCreatedEvent" in page.content.decode()


@pytest.mark.parametrize(
    "link",
    ["x", "[]", '["a"]', '{"do":"x"}', '["a",{"do":1}]', '["a",{"do":"explode"}]', "[" * 99, '["a",{"do":"drop"}]'],
)
def test_a_link_that_begins_no_rule_shows_an_empty_form(browser, promotion, link):
    page = browser.get(reverse("promotion:rule_add", args=[promotion.pk]), {"suggest": link})
    assert page.status_code == 200
