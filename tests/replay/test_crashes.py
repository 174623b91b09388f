"""A worker dies, is cut off or is cancelled at every named place; another takes over."""

import signal
import time

import pytest

from promotion import jobs
from promotion.actions import cancel, failpoints
from promotion.actions.replay_start import request_replay
from promotion.domain.plan_choices import PlanChoices
from promotion.domain.provenance import read_provenance
from promotion.models import Plan, PromotionJob, Receipt, Replay, ReplayAttempt
from promotion.states import AttemptOutcome, JobState, PromotionState
from tests import cast
from tests.replay.running import Worker, expire, run_job, take_over
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EVENTS = 2_500  # more than a chunk


def requested(promotion, **choices) -> PromotionJob:
    return request_replay(cast.user("manager"), promotion, choices=PlanChoices.from_json(choices))


def assert_arrived_exactly_once(clusters, sit, promotion):
    """Nothing lost, nothing twice, and the receipts of the one committed attempt are where the records are."""
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REPLAYED
    wanted = list(promotion.events.outgoing().in_order().values_list("partition", "offset"))
    arrived = consumed(clusters["sit"], sit.topic)
    at = {}
    for record in arrived:
        hop = read_provenance(record.headers).source
        at.setdefault((hop.partition, hop.offset), []).append((record.partition, record.offset))
    assert sum(map(len, at.values())) == len(arrived) == len(wanted), "lost or duplicated"
    receipts = {r.ordinal: (r.partition, r.offset) for r in Receipt.objects.committed()}
    assert [at[where] for where in wanted] == [[receipts[n]] for n in range(len(wanted))]
    replay = Replay.objects.get(plan__promotion=promotion)
    assert replay.finished_at is not None
    assert replay.committed == len(wanted)
    outcomes = list(replay.attempts.values_list("outcome", flat=True))
    assert outcomes.count(AttemptOutcome.COMMITTED) == 1
    assert AttemptOutcome.OPEN not in outcomes
    return outcomes


@pytest.mark.parametrize("failpoint", failpoints.NAMES)
def test_a_worker_killed_at_any_place_loses_and_duplicates_nothing(clusters, source, dev, sit, failpoint):
    source.many(EVENTS if failpoint == "mid-produce" else 50)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    assert Worker(job, failpoint).wait() == -signal.SIGKILL
    job.refresh_from_db()
    assert job.state == JobState.RUNNING

    assert take_over(job).state == JobState.SUCCEEDED

    outcomes = assert_arrived_exactly_once(clusters, sit, promotion)
    assert Plan.objects.count() == 1
    tried = {"after-plan": 1, "after-open": 1, "after-first-marker": 1, "after-commit": 1, "after-database": 1}
    assert len(outcomes) == tried.get(failpoint, 2)


def test_the_sweep_fences_a_dead_workers_transaction_so_that_readers_do_not_wait(clusters, source, dev, sit):
    source.many(20)
    source.produce()
    job = requested(exported(dev, sit))
    assert Worker(job, "after-receipts").wait() == -signal.SIGKILL
    assert held_back(clusters, sit.topic)
    expire(job)
    jobs.run_sweep()
    assert not held_back(clusters, sit.topic)
    assert ReplayAttempt.objects.get().outcome == AttemptOutcome.OPEN  # only a job's holder writes


def held_back(clusters, topic) -> bool:
    """Whether an open transaction hides records from readers of committed ones."""
    from confluent_kafka import IsolationLevel, TopicPartition
    from confluent_kafka.admin import AdminClient, OffsetSpec

    admin = AdminClient({"bootstrap.servers": clusters["sit"].bootstrap_servers})
    wanted = {TopicPartition(topic, p): OffsetSpec.latest() for p in admin.list_topics(topic).topics[topic].partitions}
    ends = [
        [future.result(10).offset for future in admin.list_offsets(wanted, isolation_level=level).values()]
        for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
    ]
    return ends[0] != ends[1]


def test_a_worker_that_was_cut_off_and_comes_back_cannot_commit(clusters, source, dev, sit):
    source.many(100)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    zombie = Worker(job, "after-receipts:stop")
    try:
        zombie.wait_until_stopped()
        assert take_over(job).state == JobState.SUCCEEDED
        zombie.go_on()
        assert zombie.wait() == 0
    finally:
        zombie.kill()
    assert assert_arrived_exactly_once(clusters, sit, promotion) == [AttemptOutcome.ABORTED, AttemptOutcome.COMMITTED]


def test_a_cancel_on_the_way_leaves_nothing_visible_and_no_open_transaction(clusters, source, dev, sit):
    source.many(100)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    stopped = Worker(job, "after-flush:stop")
    try:
        stopped.wait_until_stopped()
        cancel.cancel(cast.user("manager"), promotion)
        stopped.go_on()
        assert stopped.wait() == 0
    finally:
        stopped.kill()
    job.refresh_from_db()
    promotion.refresh_from_db()
    assert (job.state, promotion.state) == (JobState.CANCELLED, PromotionState.EXPORTED)
    assert ReplayAttempt.objects.get().outcome == AttemptOutcome.ABORTED
    assert consumed(clusters["sit"], sit.topic) == []
    assert not held_back(clusters, sit.topic)
    # What is edited now counts: the next replay makes a new plan.
    first = promotion.events.in_order().first()
    from promotion.actions.edit import exclude

    exclude(cast.user("manager"), promotion, [first.pk])
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    assert len(consumed(clusters["sit"], sit.topic)) == 99
    assert Plan.objects.count() == 2


def test_a_cancel_after_the_commit_is_too_late_and_says_so_by_succeeding(clusters, source, dev, sit):
    source.many(10)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    assert Worker(job, "after-commit").wait() == -signal.SIGKILL
    cancel.cancel(cast.user("manager"), promotion)
    assert take_over(job).state == JobState.SUCCEEDED
    assert_arrived_exactly_once(clusters, sit, promotion)


def test_a_new_job_finishes_what_a_failed_one_had_committed_without_knowing(clusters, source, dev, sit):
    from promotion.actions import finish
    from promotion.errors import Unreachable

    source.many(10)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    assert Worker(job, "after-commit").wait() == -signal.SIGKILL
    assert finish_as_failed(job, finish, Unreachable("The test says so."))
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REPLAY_FAILED
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    assert_arrived_exactly_once(clusters, sit, promotion)
    assert Plan.objects.count() == 1


def finish_as_failed(job, finish, error) -> bool:
    from django.db import transaction

    with transaction.atomic():
        return finish.give_up(job, error)


def test_a_marker_that_is_gone_while_the_database_shows_progress_stops_everything(clusters, source, dev, sit):
    source.many(10)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    assert Worker(job, "after-flush").wait() == -signal.SIGKILL
    ReplayAttempt.objects.update(outcome=AttemptOutcome.COMMITTED)
    Replay.objects.update(committed=10)
    ended = take_over(job)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 6)
    assert "marker" in ended.error
    assert consumed(clusters["sit"], sit.topic) == []


@pytest.mark.parametrize(("failpoint", "arrived"), [("after-receipts", 0), ("after-commit", 10)])
def test_a_marker_that_somebody_deleted_proves_nothing_however_soon(clusters, source, dev, sit, failpoint, arrived):
    """The commit that the database has not noted yet is the case that matters: to begin anew would send it twice."""
    from tests.verify.target import lose_marker

    source.many(10)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    assert Worker(job, failpoint).wait() == -signal.SIGKILL
    lose_marker(promotion)
    ended = take_over(job)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 6)
    assert len(consumed(clusters["sit"], sit.topic)) == arrived


def test_two_workers_at_once_replay_it_once(clusters, source, dev, sit):
    source.many(EVENTS)
    source.produce()
    promotion = exported(dev, sit)
    job = requested(promotion)
    first = Worker(job, "none")
    try:
        deadline = time.monotonic() + 30
        while not ReplayAttempt.objects.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        ended = take_over(job)
        while ended.active and time.monotonic() < deadline:
            time.sleep(0.05)
            ended.refresh_from_db()
        assert first.wait() == 0
    finally:
        first.kill()
    assert ended.state == JobState.SUCCEEDED
    assert_arrived_exactly_once(clusters, sit, promotion)
