"""Replays in several transactions: the same mechanism, between and inside of them."""

import signal
from collections import Counter

import pytest

from promotion.actions import cancel
from promotion.actions.replay_start import request_replay
from promotion.domain.plan_choices import PlanChoices
from promotion.domain.provenance import read_provenance
from promotion.models import Plan, Receipt, Replay, ReplayAttempt
from promotion.states import AttemptOutcome, JobState, PlanState, PromotionState
from tests import cast
from tests.replay.running import Worker, expire, run_job, take_over
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
BATCHES = {"mode": "batches", "batch_size": 20}
MOST_KILLS = 6


def requested(promotion, **choices):
    return request_replay(cast.user("manager"), promotion, choices=PlanChoices.from_json(BATCHES | choices))


def arrived(clusters, sit, **kind):
    hops = [read_provenance(record.headers).source for record in consumed(clusters["sit"], sit.topic, **kind)]
    return sorted((hop.partition, hop.offset) for hop in hops)


def wanted(promotion):
    return sorted(promotion.events.outgoing().values_list("partition", "offset"))


@pytest.fixture
def promotion(source, dev, sit):
    source.many(90)
    source.produce()
    return exported(dev, sit)


def test_each_batch_is_a_transaction_with_its_attempt_and_its_receipts(clusters, promotion, sit):
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    ranges = ReplayAttempt.objects.values_list("number", "first_ordinal", "stop_ordinal", "outcome")
    assert list(ranges) == [(n + 1, n * 20, min(90, n * 20 + 20), AttemptOutcome.COMMITTED) for n in range(5)]
    assert arrived(clusters, sit) == wanted(promotion)
    assert Receipt.objects.committed().count() == 90
    replay = Replay.objects.get()
    assert (replay.committed, replay.plan.state) == (90, PlanState.REPLAYED)
    assert sum(replay.after[p] - replay.before[p] for p in replay.after) >= 90
    assert by_partition(promotion) == by_partition_of(consumed(clusters["sit"], sit.topic))


def by_partition(promotion):
    """What the newest job of a replay says of each partition: all that was planned is committed."""
    positions = promotion.jobs.filter(kind="replay").first().positions
    assert all(committed == produced == planned for committed, produced, planned in positions.values())
    return {int(partition): planned for partition, (_, _, planned) in positions.items()}


def by_partition_of(records):
    return dict(Counter(record.partition for record in records))


@pytest.mark.parametrize("failpoint", ["mid-produce", "after-marker", "after-commit", "after-database"])
def test_a_worker_killed_in_every_batch_loses_and_duplicates_nothing(clusters, promotion, sit, failpoint):
    job = requested(promotion)
    kills = 0
    while job.active and kills < MOST_KILLS:
        status = Worker(job, failpoint).wait()
        job.refresh_from_db()
        if status == 0:
            break
        assert status == -signal.SIGKILL
        kills += 1
        expire(job)
    # Killed before the commit, a batch never gets through: the last word has a worker that is let live.
    if job.active:
        job = take_over(job)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert kills >= (5 if failpoint in ("after-commit", "after-database") else MOST_KILLS)
    assert arrived(clusters, sit) == wanted(promotion)
    assert Receipt.objects.committed().count() == 90
    assert by_partition(promotion) == by_partition_of(consumed(clusters["sit"], sit.topic))


def test_a_cancel_between_two_batches_leaves_it_partly_replayed_and_it_goes_on_from_there(clusters, promotion, sit):
    job = requested(promotion)
    stopped = Worker(job, "after-database:stop")
    try:
        stopped.wait_until_stopped()
        cancel.cancel(cast.user("manager"), promotion)
        stopped.go_on()
        assert stopped.wait() == 0
    finally:
        stopped.kill()
    job.refresh_from_db()
    promotion.refresh_from_db()
    assert (job.state, promotion.state) == (JobState.CANCELLED, PromotionState.PARTLY_REPLAYED)
    assert len(arrived(clusters, sit)) == 20
    assert Plan.objects.get().state == PlanState.STARTED
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    assert arrived(clusters, sit) == wanted(promotion)
    assert Plan.objects.count() == 1


def test_a_replay_cancelled_before_anything_arrived_leaves_its_plan_as_it_was(clusters, promotion, sit):
    job = requested(promotion)
    stopped = Worker(job, "mid-produce:stop")
    try:
        stopped.wait_until_stopped()
        cancel.cancel(cast.user("manager"), promotion)
        stopped.go_on()
        assert stopped.wait() == 0
    finally:
        stopped.kill()
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORTED
    assert Plan.objects.get().state == PlanState.READY
    assert arrived(clusters, sit) == []


def test_rate_and_pause_are_kept_between_transactions(clusters, promotion, sit):
    import time

    started = time.monotonic()
    assert run_job(requested(promotion, pause_seconds=0.3, rate=100)).state == JobState.SUCCEEDED
    assert time.monotonic() - started >= 4 * 0.3
    assert arrived(clusters, sit) == wanted(promotion)
