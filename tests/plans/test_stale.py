"""When a plan no longer fits, and when it still does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from promotion.actions import curate, edit, stale
from promotion.actions.plan import request_check
from promotion.actions.replay_start import request_replay
from promotion.domain.plan_choices import PlanChoices
from promotion.errors import Conflict, Stale
from promotion.models import Environment, EventType, Plan, PromotionJob
from promotion.states import Decision, JobKind, JobState, PlanState
from tests import cast
from tests.plans.stage import happen, twin
from tests.replay.running import run_job
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def promotion(source, dev, sit):
    happen(source, "Created", "a", "x", user="ann")
    happen(source, "Created", "b", "x", user="ann")
    source.produce()
    return exported(dev, sit)


def assert_stale(promotion, plan, why):
    (reason,) = stale.local_reasons(plan)
    assert why in reason
    with pytest.raises(Stale):
        request_replay(cast.user("manager"), promotion)
    plan.refresh_from_db()
    assert (plan.state, plan.stale_reasons) == (PlanState.STALE, [reason])
    assert not PromotionJob.objects.filter(kind=JobKind.REPLAY).exists()


def test_an_exclusion_makes_it_stale(promotion, planned):
    plan = planned(promotion)
    edit.exclude(cast.user("manager"), promotion, [promotion.events.first().pk])
    assert_stale(promotion, plan, "changed")


def test_the_target_environments_topic_makes_it_stale_and_its_colour_does_not(promotion, planned, sit):
    plan = planned(promotion)
    Environment.objects.filter(pk=sit.pk).update(color="red")
    assert stale.local_reasons(plan) == []
    Environment.objects.filter(pk=sit.pk).update(topic="another")
    assert_stale(promotion, plan, "target environment")


def test_a_curators_decision_about_its_types_makes_it_stale(promotion, planned):
    plan = planned(promotion)
    other = cast.event_type("net.lightapi.portal.x.OtherCreatedEvent")
    cast.decide(other, Decision.PROMOTABLE)
    assert stale.local_reasons(plan) == []
    name = promotion.events.first().event_type.full_name
    curate.decide(cast.user("curator"), [name], Decision.NOT_PROMOTABLE, "Not any more.")
    assert_stale(promotion, plan, "curator")


def test_corrected_key_fields_make_it_stale(promotion, planned):
    plan = planned(promotion)
    EventType.objects.update(proposed_key_fields=["roleId"])
    assert_stale(promotion, plan, "identifies")


def test_it_expires(promotion, planned):
    plan = planned(promotion)
    Plan.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    plan.refresh_from_db()
    assert_stale(promotion, plan, "expired")


@pytest.mark.parametrize(
    ("role_id", "user", "why"),
    [("a", "zoe", "is about a thing"), ("zzz", "ann", "nonces the plan continues"), ("zzz", "zoe", "")],
)
def test_only_records_on_the_target_that_concern_it_make_it_stale(
    clusters, source, promotion, planned, sit, role_id, user, why
):
    plan = planned(promotion)
    other = twin(source, sit)
    happen(other, "Created", role_id, "theirs", user=user)
    other.produce()
    job = run_job(request_check(cast.user("viewer"), plan))
    plan.refresh_from_db()
    if why:
        assert (job.state, job.exit_code, plan.state) == (JobState.REFUSED, 4, PlanState.STALE)
        assert why in plan.stale_reasons[0]
    else:
        assert (job.state, plan.state) == (JobState.SUCCEEDED, PlanState.READY)
        assert run_job(request_replay(cast.user("manager"), promotion)).state == JobState.SUCCEEDED
        assert len(consumed(clusters["sit"], sit.topic)) == 3


def test_a_replay_looks_at_the_target_itself_before_it_begins(clusters, source, promotion, planned, sit):
    plan = planned(promotion)
    other = twin(source, sit)
    happen(other, "Updated", "a", "theirs", user="zoe")
    other.produce()
    job = run_job(request_replay(cast.user("manager"), promotion))
    plan.refresh_from_db()
    promotion.refresh_from_db()
    assert (job.state, job.exit_code) == (JobState.REFUSED, 4)
    assert (plan.state, promotion.state) == (PlanState.STALE, "exported")
    assert len(consumed(clusters["sit"], sit.topic, committed=False)) == 1


def test_with_kept_nonces_other_records_of_a_user_are_no_reason(source, promotion, planned, sit):
    plan = planned(promotion, nonce="keep")
    other = twin(source, sit)
    happen(other, "Created", "zzz", "theirs", user="ann")
    other.produce()
    assert run_job(request_check(cast.user("manager"), plan)).state == JobState.SUCCEEDED


def test_the_digest_covers_the_state_of_the_target(source, promotion, planned, sit):
    first = planned(promotion, nonce="keep")
    other = twin(source, sit)
    happen(other, "Created", "zzz", "theirs", user="zoe")
    other.produce()
    second = planned(promotion, nonce="keep")
    assert first.target_state["ends"] != second.target_state["ends"]
    assert first.digest != second.digest


def test_two_promotions_are_not_replayed_to_one_target_at_the_same_time(source, dev, sit, promotion):
    second = exported(dev, sit, "Release 2")
    request_replay(cast.user("manager"), promotion)
    with pytest.raises(Conflict, match="being replayed"):
        request_replay(cast.user("manager"), second, choices=PlanChoices())
