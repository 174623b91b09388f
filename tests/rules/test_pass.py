"""One pass of rules over a promotion: what it changes, what it leaves, and that all of it can be undone."""

import json

import pytest

from promotion.actions import rules
from promotion.actions.edit import back_to_original, edit, exclude, undo
from promotion.actions.outgoing import outgoing
from promotion.domain.json_codec import to_json_value
from promotion.errors import Conflict, InvalidInput, NotFound, Refused
from promotion.models import AuditEntry, Promotion, Revision, RuleList
from promotion.states import PromotionState, RevisionKind
from tests import cast
from tests.events import stage as events
from tests.rules import stage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_connection(settings):
    # The thread that renews the lease has a connection of its own, which does not see this test's transaction.
    settings.LEASE_SECONDS = 3600


def value(event):
    body = outgoing(stage.fresh(event))
    return to_json_value(body.schema, body.data)


def test_a_rule_changes_what_matches_and_nothing_else(promotion):
    before = stage.bodies(promotion)
    stage.add(promotion, stage.REHOST)
    job = stage.apply(promotion)
    assert (job.state, job.error) == ("succeeded", "")
    assert promotion.state == PromotionState.EXPORTED
    after = stage.bodies(promotion)
    for event in promotion.events.all():
        moved = event.host == "sit-host"
        assert (after[str(event)] != before[str(event)]) is moved
        assert event.document["hostId"] == event.host == value(event)["hostId"]
        assert event.version == moved
    counts = stage.done(promotion).counts
    assert counts["changed"] == promotion.events.filter(host="sit-host").count() > 0
    assert counts["seen"] == promotion.events.count()


def test_undoing_a_rule_gives_back_every_byte_and_every_filter(promotion):
    before = stage.bodies(promotion)
    shown = list(promotion.events.in_order().values_list("host", "user", "document", "excluded"))
    [first, second, third] = stage.add(promotion, stage.REHOST, stage.DESCRIBE, stage.LEAVE_OUT)
    stage.apply(promotion)
    assert promotion.events.filter(excluded=True).count() == promotion.events.filter(host="sit-host").count() > 0
    for rule in (second, first, third):
        assert stage.run(rules.undo(promotion.owner, promotion, rule)).state == "succeeded"
    assert stage.bodies(promotion) == before
    assert list(promotion.events.in_order().values_list("host", "user", "document", "excluded")) == shown
    assert not promotion.events.filter(revision__isnull=False).exists()
    assert RuleList.objects.of(promotion).applied == []


def test_a_second_pass_over_the_same_events_writes_nothing(promotion):
    stage.add(promotion, stage.REHOST, stage.DESCRIBE)
    stage.apply(promotion)
    versions = dict(promotion.events.values_list("pk", "version"))
    stage.apply(promotion)
    assert dict(promotion.events.values_list("pk", "version")) == versions
    counts = stage.done(promotion).counts
    assert (counts["changed"], counts["restored"]) == (0, 0)
    assert counts["matched"] > 0


def test_the_order_of_rules_decides_and_can_be_changed(promotion):
    [_, second] = stage.add(promotion, stage.LEAVE_OUT, stage.REHOST)
    stage.apply(promotion)
    assert not promotion.events.filter(excluded=True).exists()  # no host is called sit-host when the first rule looks
    rules.move(promotion.owner, promotion, RuleList.objects.of(promotion).version, second, -1)
    stage.apply(promotion)
    assert promotion.events.filter(excluded=True).count() == promotion.events.filter(host="sit-host").count() > 0


def test_what_was_edited_before_is_changed_by_the_rule_and_is_itself_again_without_it(promotion):
    event = promotion.events.filter(host="host-1")[0]
    edit(promotion.owner, event, 0, json.dumps(value(event) | {"roleId": "mine"}))
    before = stage.bodies(promotion)
    [rule] = stage.add(promotion, stage.REHOST)
    stage.apply(promotion)
    assert (value(event)["hostId"], value(event)["roleId"]) == ("sit-host", "mine")
    stage.run(rules.undo(promotion.owner, promotion, rule))
    assert stage.bodies(promotion) == before


def test_what_was_edited_after_a_rule_keeps_its_work_and_the_edit_is_undone_beneath_the_rules(promotion):
    event = promotion.events.filter(host="host-1")[0]
    stage.add(promotion, stage.REHOST)
    stage.apply(promotion)
    by_rule = value(event)
    now = stage.fresh(event)
    edit(promotion.owner, now, now.version, json.dumps(by_rule | {"roleId": "mine"}))
    stage.apply(promotion)
    assert (value(event)["hostId"], value(event)["roleId"]) == ("sit-host", "mine")
    now = stage.fresh(event)
    undo(promotion.owner, now, now.version)
    assert value(event) == by_rule
    now = stage.fresh(event)
    with pytest.raises(Refused, match="rules only"):
        undo(promotion.owner, now, now.version)


def test_an_edit_is_dropped_and_the_rules_stay(promotion):
    event = promotion.events.filter(host="host-1")[0]
    edit(promotion.owner, event, 0, json.dumps(value(event) | {"roleId": "mine"}))
    stage.add(promotion, stage.REHOST)
    stage.apply(promotion)
    now = stage.fresh(event)
    back_to_original(promotion.owner, now, now.version)
    assert value(event)["hostId"] == "sit-host"
    assert value(event)["roleId"] != "mine"
    now = stage.fresh(event)
    undo(promotion.owner, now, now.version)
    assert (value(event)["hostId"], value(event)["roleId"]) == ("sit-host", "mine")


def test_what_a_person_says_of_an_exclusion_stands_above_what_a_rule_says(promotion):
    mine, other = promotion.events.filter(host="host-1")[:2]
    stage.add(promotion, stage.REHOST, stage.LEAVE_OUT)
    stage.apply(promotion)
    exclude(promotion.owner, promotion, [mine.pk], False)
    stage.apply(promotion)
    assert not stage.fresh(mine).excluded
    assert stage.fresh(other).excluded
    rules.discard(promotion.owner, promotion, RuleList.objects.of(promotion).version)
    for rule in RuleList.objects.of(promotion).applied:
        stage.run(rules.undo(promotion.owner, promotion, rule["id"]))
    assert not stage.fresh(other).excluded


def test_a_rule_that_makes_events_invalid_changes_nothing_and_says_which(promotion):
    before = stage.bodies(promotion)
    stage.add(promotion, stage.REHOST, stage.TOO_LONG)
    job = stage.apply(promotion)
    broken = promotion.events.filter(user="user-2")
    assert job.state == "refused"
    assert f"{broken.count()} events invalid" in job.error
    assert len(job.problems) == broken.count()
    assert stage.bodies(promotion) == before
    assert promotion.state == PromotionState.EXPORTED
    assert RuleList.objects.of(promotion).applied == []


def test_a_rule_may_exclude_what_it_would_make_invalid(promotion):
    stage.add(promotion, stage.TOO_LONG | {"on_invalid": "exclude"})
    assert stage.apply(promotion).state == "succeeded"
    excluded = promotion.events.filter(excluded=True)
    assert set(excluded.values_list("user", flat=True)) == {"user-2"}
    assert not excluded.filter(revision__isnull=False).exists()
    assert stage.done(promotion).counts["invalid"] == excluded.count()


def test_a_preview_says_what_the_pass_then_does_and_changes_nothing(promotion):
    before = stage.bodies(promotion)
    stage.add(promotion, stage.REHOST, stage.DESCRIBE)
    seen = stage.preview(promotion)
    assert stage.bodies(promotion) == before
    assert not Revision.objects.exists()
    by_path = {each["path"]: each for each in seen.fields}
    moved = promotion.events.filter(host="host-1").count()
    assert by_path["hostId"]["values"] == [{"from": "host-1", "to": "sit-host", "events": moved}]
    assert by_path["roleDesc"]["events"] == promotion.events.filter(user="user-1").count()
    assert seen.samples[0]["changes"]
    stage.apply(promotion)
    assert stage.done(promotion).counts == seen.counts
    assert stage.preview(promotion).counts["changed"] == 0


def test_a_preview_of_one_rule_more_shows_only_what_it_adds(promotion):
    stage.add(promotion, stage.REHOST)
    stage.apply(promotion)
    stage.add(promotion, stage.DESCRIBE)
    seen = stage.preview(promotion)
    assert [each["path"] for each in seen.fields] == ["roleDesc"]
    assert seen.counts["changed"] == promotion.events.filter(user="user-1").count()


def test_the_same_value_becomes_the_same_new_uuid_in_every_promotion_of_the_way(promotion):
    rule = {"name": "New ids", "then": [{"do": "map_generate", "path": "hostId", "scope": "pair"}]}
    other = events.promotion(6, title="Another", source=promotion.source, target=promotion.target)
    for each in (promotion, other):
        stage.add(each, rule)
        stage.apply(each)
    made = {}
    for each in (promotion, other):
        for event in each.events.all():
            old = value_of_original(event)["hostId"]
            assert made.setdefault(old, event.host) == event.host
    assert len(set(made.values())) == len(made) > 1


def value_of_original(event):
    from promotion.actions.outgoing import original

    body = original(stage.fresh(event))
    return to_json_value(body.schema, body.data)


def test_somebody_who_looks_at_older_rules_changes_nothing(promotion):
    version = RuleList.objects.of(promotion).version
    stage.add(promotion, stage.REHOST)
    with pytest.raises(Conflict, match="Somebody else"):
        rules.add(promotion.owner, promotion, version, rules.entries([stage.DESCRIBE]))
    with pytest.raises(Conflict):
        rules.apply(promotion.owner, promotion, version)
    with pytest.raises(NotFound):
        rules.remove(promotion.owner, promotion, RuleList.objects.of(promotion).version, "no such rule")
    with pytest.raises(InvalidInput):
        rules.entries([{"name": "x", "then": [{"do": "explode"}]}])


def test_while_rules_are_applied_nobody_edits_and_nobody_plans(promotion):
    stage.add(promotion, stage.REHOST)
    rules.apply(promotion.owner, promotion)
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REWRITING
    event = promotion.events.all()[0]
    with pytest.raises(Refused, match="applying rules"):
        edit(promotion.owner, event, 0, json.dumps(value(event) | {"roleId": "x"}))


def test_applied_rules_are_audited_and_make_an_editor(promotion):
    stage.add(promotion, stage.REHOST)
    before = Promotion.objects.get(pk=promotion.pk).changes
    stage.apply(promotion)
    assert Promotion.objects.get(pk=promotion.pk).changes == before + 1
    assert promotion.editors.filter(user=promotion.owner).exists()
    assert AuditEntry.objects.filter(verb="rewrite", object_id=str(promotion.pk)).count() == 1


def test_a_viewer_changes_no_rule(promotion):
    with pytest.raises(Refused):
        rules.add(cast.user("viewer"), promotion, 0, rules.entries([stage.REHOST]))


def test_revisions_of_rules_name_the_rules(promotion):
    [first, _] = stage.add(promotion, stage.REHOST, stage.DESCRIBE)
    stage.apply(promotion)
    made = Revision.objects.filter(kind=RevisionKind.RULES, event__user="user-0", event__host="sit-host")
    assert made
    assert all(each.rules == [first] for each in made)


def test_each_rule_is_counted_with_the_events_that_it_changed(promotion):
    ids = stage.add(promotion, stage.REHOST, stage.DESCRIBE)
    seen = stage.preview(promotion)
    moved = promotion.events.filter(host="host-1").count()
    described = promotion.events.filter(user="user-1").count()
    assert seen.counts["by_rule"] == {
        ids[0]: {"matched": promotion.events.count(), "changed": moved},
        ids[1]: {"matched": described, "changed": described},
    }
