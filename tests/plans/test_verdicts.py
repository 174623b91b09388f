"""What a plan says of each event, against what is really on the target."""

import pytest

from promotion.actions import edit
from promotion.actions.compare_plans import before, compare
from promotion.actions.force import force, unforce
from promotion.domain.json_codec import to_json_value
from promotion.domain.wire import unframe
from promotion.errors import InvalidInput, Refused
from promotion.models import Plan
from promotion.states import JobState, PlanState, Verdict
from tests import cast
from tests.plans.stage import happen, text, trees, twin, verdicts
from tests.replay import stage
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def promoted(source, dev, sit, replay):
    """Role a was created and changed on dev, and that was promoted to sit."""
    happen(source, "Created", "a", "first")
    happen(source, "Updated", "a", "second")
    source.produce()
    assert replay(exported(dev, sit)).state == JobState.SUCCEEDED
    return source


def test_an_empty_target_takes_created_then_updated_then_deleted_as_no_orphans(source, dev, sit, planned):
    for action, desc in (("Created", "x"), ("Updated", "y"), ("Updated", "y"), ("Deleted", "y")):
        happen(source, action, "a", desc)
    source.produce()
    plan = planned(exported(dev, sit))
    assert verdicts(plan) == ["new", "changed", "same", "changed"]
    assert (plan.state, plan.steps_count, plan.counts["same"]) == (PlanState.READY, 3, 1)
    assert plan.judgements.get(position=1).changes == [{"path": "roleDesc", "from": "x", "to": "y"}]
    assert plan.judgements.get(position=1).aggregate == "Role h1 / a"


def test_what_was_promoted_is_left_out_and_only_the_rest_goes(clusters, promoted, dev, sit, replay, planned):
    happen(promoted, "Created", "b", "new here")
    promoted.produce()
    second = exported(dev, sit, "Release 2")
    plan = planned(second)
    assert verdicts(plan) == ["already_promoted", "already_promoted", "new"]
    assert plan.judgements.first().found.count(":") == 1
    assert replay(second).state == JobState.SUCCEEDED
    assert [tree["roleId"] for tree in trees(sit, consumed(clusters["sit"], sit.topic))] == ["a", "a", "b"]


def test_an_event_that_was_edited_since_is_judged_anew(promoted, dev, sit, planned):
    second = exported(dev, sit, "Release 2")
    last = second.events.in_order().last()
    tree = to_json_value(stage.parse(last.schema.text), unframe(bytes(last.value))[1])
    edit.edit(cast.user("manager"), last, 0, text({**tree, "roleDesc": "third"}))
    assert verdicts(planned(second)) == ["already_promoted", "changed"]


def test_what_somebody_else_changed_on_the_target_is_a_conflict_until_it_is_forced(
    clusters, promoted, dev, sit, replay, planned
):
    other = twin(promoted, sit)
    happen(other, "Updated", "a", "theirs")
    other.produce()
    happen(promoted, "Updated", "a", "ours")
    promoted.produce()
    second = exported(dev, sit, "Release 2")
    plan = planned(second)
    assert verdicts(plan) == ["already_promoted", "already_promoted", "conflict"]
    assert plan.state == PlanState.REFUSED
    judged = plan.judgements.last()
    assert judged.changes == [{"path": "roleDesc", "from": "theirs", "to": "ours"}]
    assert judged.hint
    assert "overwrites" in plan.problems[0]
    with pytest.raises(Refused, match="is refused"):
        replay(second)

    assert force(cast.user("manager"), plan, Verdict.CONFLICT, "Ours is the release.") == 1
    again = planned(second)
    assert (again.state, verdicts(again)[-1]) == (PlanState.READY, "conflict!")
    assert replay(second).state == JobState.SUCCEEDED
    assert trees(sit, consumed(clusters["sit"], sit.topic))[-1]["roleDesc"] == "ours"


def test_what_would_change_nothing_can_be_forced_in_for_a_reason_and_taken_out_again(source, dev, sit, planned):
    happen(source, "Created", "a", "x")
    happen(source, "Created", "a", "x")
    source.produce()
    promotion = exported(dev, sit)
    plan, manager = planned(promotion), cast.user("manager")
    with pytest.raises(InvalidInput):
        force(manager, plan, Verdict.SAME, "  ")
    with pytest.raises(Refused):
        force(manager, plan, Verdict.INVALID, "Because.")
    with pytest.raises(Refused):
        force(cast.user("viewer"), plan, Verdict.SAME, "Because.")
    assert force(manager, plan, Verdict.SAME, "The consumers count them.") == 1
    again = planned(promotion)
    assert (verdicts(again), again.steps_count) == (["new", "same!"], 2)
    difference = compare(before(again), again)
    assert difference.counts == {"added": 1, "dropped": 0, "verdict": 0, "bytes": 0}
    assert [row["kind"] for row in difference.rows] == ["added"]
    assert unforce(manager, again) == 1
    assert verdicts(planned(promotion)) == ["new", "same"]


def test_what_is_not_there_is_an_orphan_that_says_what_to_do(clusters, source, dev, sit, planned, replay):
    twin(source, sit)
    happen(source, "Updated", "a", "x")
    happen(source, "Deleted", "b", "x")
    source.produce()
    promotion = exported(dev, sit)
    plan = planned(promotion)
    assert (verdicts(plan), plan.state) == (["orphan", "orphan"], PlanState.REFUSED)
    assert "Include the event that creates it" in plan.judgements.first().hint
    with pytest.raises(Refused) as refusal:
        replay(promotion)
    assert "what is not there" in refusal.value.problems[0]
    assert consumed(clusters["sit"], sit.topic, committed=False) == []


def test_an_event_without_its_key_field_is_invalid(source, dev, sit, planned):
    happen(source, "Created", "", "x")
    source.produce()
    plan = planned(exported(dev, sit))
    assert (verdicts(plan), plan.state) == (["invalid"], PlanState.REFUSED)
    assert "roleId" in plan.judgements.get().problem


def test_a_plan_with_nothing_to_send_is_refused(promoted, dev, sit, planned):
    plan = planned(exported(dev, sit, "Release 2"))
    assert (plan.state, plan.steps_count) == (PlanState.REFUSED, 0)
    assert "Nothing would go out" in plan.problems[0]


def test_what_differs_between_two_plans_is_found_by_event(source, dev, sit, planned):
    for name in "abc":
        happen(source, "Created", name, "x")
    source.produce()
    promotion = exported(dev, sit)
    first, manager = planned(promotion), cast.user("manager")
    events = list(promotion.events.in_order())
    edit.exclude(manager, promotion, [events[0].pk])
    tree = to_json_value(stage.parse(events[1].schema.text), unframe(bytes(events[1].value))[1])
    edit.edit(manager, events[1], 0, text({**tree, "roleDesc": "y"}))
    second = planned(promotion)
    first.refresh_from_db()
    assert first.state == PlanState.SUPERSEDED
    assert before(second) == first
    found = compare(first, second)
    assert {row["event"]: row["kind"] for row in found.rows}.keys() >= {events[0].pk, events[1].pk}
    assert found.counts["dropped"] == 1
    assert found.counts["bytes"] >= 1
    assert Plan.objects.of(promotion) == second
