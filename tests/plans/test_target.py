"""What a target is refused for as a whole, each time with its numbers."""

import pytest

from promotion.domain.transaction_time import too_long, transaction_timeout_ms
from promotion.models import EventType, Plan
from promotion.states import JobState, PlanState
from tests import cast
from tests.plans.stage import happen, twin
from tests.replay import stage
from tests.replay.stage import exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_another_number_of_partitions_is_refused_with_both_until_it_is_accepted(clusters, source, dev, planned):
    wide = stage.environment("sit", clusters["sit"], partitions=7)
    happen(source, "Created", "a")
    source.produce()
    promotion = exported(dev, wide)
    plan = planned(promotion)
    assert plan.state == PlanState.REFUSED
    assert "dev has 3 partitions and sit 7" in plan.problems[0]
    assert planned(promotion, accept_partitions=True).state == PlanState.READY


def test_a_target_whose_records_are_keyed_otherwise_is_refused_with_the_evidence(clusters, source, dev, planned):
    wrong = stage.environment("sit", clusters["sit"], tenancy="single")
    other = twin(source, wrong)
    for number in range(25):
        happen(other, "Created", f"r{number}", user=f"user-{number}")  # keyed by host, as `happen` does
    other.produce()
    happen(source, "Created", "a")
    source.produce()
    plan = planned(exported(dev, wrong))
    assert plan.state == PlanState.REFUSED
    assert "25 are keyed by host (multi) and 0 by user (single)" in plan.problems[0]


def test_between_tenancies_the_keys_follow_and_the_plan_says_so(clusters, source, dev, planned, replay):
    single = stage.environment("sit", clusters["sit"], tenancy="single")
    for number in range(4):
        happen(source, "Created", f"r{number}", user=f"user-{number % 2}")
    source.produce()
    promotion = exported(dev, single)
    plan = planned(promotion)
    assert "keys were hosts and become 2 users" in plan.warnings[0]
    assert replay(promotion).state == JobState.SUCCEEDED


def test_an_incomplete_group_of_outbox_records_is_refused(source, dev, sit, planned):
    def headers(ordinal):
        return (("transaction_id", b"t1"), ("transaction_ordinal", b"%d" % ordinal), ("transaction_count", b"3"))

    for ordinal in (0, 1):
        happen(source, "Created", f"r{ordinal}", headers=headers(ordinal))
    source.produce()
    plan = planned(exported(dev, sit))
    assert plan.state == PlanState.REFUSED
    assert "1 groups of outbox records would arrive incomplete (2 of 3" in plan.problems[0]


def test_a_group_of_outbox_records_is_not_torn_apart_by_batches(source, dev, sit, planned):
    for number in range(6):
        group = (
            ("transaction_id", b"t%d" % (number // 3)),
            ("transaction_ordinal", b"%d" % (number % 3)),
            ("transaction_count", b"3"),
        )
        happen(source, "Created", f"r{number}", headers=group)
    source.produce()
    assert planned(exported(dev, sit), mode="batches", batch_size=2).cuts == [3, 6]


def test_what_takes_longer_than_half_of_a_transactions_time_is_too_much_for_one():
    assert too_long(2_000_000, 0) == ""
    assert "2,500,000 records" in too_long(2_500_000, 0)
    assert transaction_timeout_ms(2_500_000) == 900_000
    assert transaction_timeout_ms(1_000, 0, 30_000) == 30_000
    assert "Choose batches" in too_long(100_000, 0, 30_000)


def test_the_plan_says_what_becomes_of_each_schema_and_where_the_target_stood(source, dev, sit, planned):
    happen(source, "Created", "a")
    source.produce()
    plan = planned(exported(dev, sit))
    (subject,) = plan.subjects
    assert (subject["what"], subject["id"], subject["events"], subject["level"]) == ("registered", None, 1, "NONE")
    assert plan.target_state["transaction_max_timeout_ms"] == 900_000
    assert sorted(plan.target_state["ends"]) == ["0", "1", "2"]
    assert Plan.objects.get().cuts == [1]


def test_a_plan_warns_of_what_its_events_refer_to_and_the_target_would_not_have(source, dev, sit, planned):
    rule = stage.schema(source.name("RoleRuleCreatedEvent"), ("hostId", "string"), ("roleId", "string"), ("n", "long"))
    made = cast.event_type(rule.full_name, "promotable", schema=cast.store_schema(rule.text))
    EventType.objects.filter(pk=made.pk).update(proposed_key_fields=["host", "roleId", "n"], aggregate="RoleRule")
    happen(source, "Created", "a")
    for number, role_id in enumerate(("a", "b", "b")):
        source.add(rule, {"hostId": "h1", "roleId": role_id, "n": number})
    source.produce()
    plan = planned(exported(dev, sit))
    (said,) = plan.warnings
    assert "refer to 1 thing that sit would not have: Role h1 / b (2, such as RoleRule h1 / b / 1)" in said
    assert plan.state == PlanState.READY
