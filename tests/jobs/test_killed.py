"""Workers that die, on real processes: the export ends as if nothing had happened."""

import os
import signal
from collections.abc import Callable

import pytest
from django.db.models import Sum

from promotion import jobs
from promotion.actions.cancel import cancel
from promotion.actions.request import request_job
from promotion.models import ExportPartition, Promotion, PromotionJob
from promotion.states import JobKind, JobState, PromotionState
from tests.export.source import Source, rows_of
from tests.jobs.conftest import LONG
from tests.jobs.processes import WorkerProcess, alive, until

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(120),
]
Start = Callable[..., WorkerProcess]


def test_an_export_whose_worker_is_killed_again_and_again_ends_like_an_undisturbed_one(
    start_worker: Start, long_source: Source
) -> None:
    worker = start_worker()
    start_worker("periodic")
    promotion, job = begin(long_source)
    worker.kill_horse()
    # As soon as something can be seen: positions, or events whose positions would follow.
    for seen, more in ((read, LONG // 8), (kept, LONG // 80), (kept, LONG // 80), (read, LONG // 8), (kept, 1)):
        before = seen(promotion)
        until(lambda seen=seen, least=before + more: seen(promotion) >= least, what=f"{more:,} more")
        worker.kill_horse()
    finished(job)
    assert job.attempts > 3
    other = undisturbed(long_source)
    assert rows_of(promotion) == rows_of(other)
    assert promotion.export.totals()["read"] == LONG
    assert told(job) == told(other.jobs.get())
    assert told(job)[0] == promotion.export.partitions.count() * [True]
    assert job.octets > LONG


def told(job: PromotionJob) -> tuple[list[bool], int]:
    """Whether each partition's positions are at their end, and the bytes: an attempt that died counts nothing twice."""
    job.refresh_from_db()
    spans = job.promotion.export.partitions.values_list("partition", "start", "position", "end")
    ends = {str(partition): [start, at, end] for partition, start, at, end in spans}
    return [job.positions[partition] == at and at[1] == at[2] for partition, at in ends.items()], job.octets


def test_when_the_worker_itself_is_killed_its_child_dies_too_and_another_goes_on(
    start_worker: Start, long_source: Source
) -> None:
    worker = start_worker()
    promotion, job = begin(long_source)
    until(lambda: read(promotion) > 0)
    horse = worker.horse
    worker.kill()
    until(lambda: not alive(horse), 5, "the child's end")
    start_worker()
    job.refresh_from_db()
    assert job.state == JobState.RUNNING  # nobody knows yet
    until(lambda: sweep_finds(job), 10, "the end of the dead worker's lease")
    finished(job)
    assert job.attempts == 2
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_a_worker_that_was_cut_off_and_comes_back_writes_nothing_over_its_successor(
    start_worker: Start, long_source: Source
) -> None:
    first = start_worker()
    promotion, job = begin(long_source)
    until(lambda: read(promotion) > 0)
    horse = first.kill_horse(signal.SIGSTOP)
    start_worker()
    until(lambda: sweep_finds(job), 10, "the end of the stopped worker's lease")
    until(lambda: attempts(job) == 2)
    os.kill(horse, signal.SIGCONT)
    finished(job)
    until(lambda: not alive(horse))
    assert attempts(job) == 2
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_a_running_export_is_cancelled_within_seconds_and_goes_on_later(
    start_worker: Start, long_source: Source
) -> None:
    start_worker()
    promotion, job = begin(long_source)
    until(lambda: read(promotion) > 0)
    cancel(promotion.owner, promotion)
    until(lambda: not refreshed(job).active, 5, "the cancelled export's end")
    assert job.state == JobState.CANCELLED
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORT_CANCELLED
    assert promotion.export.finished_at is None
    again = jobs.enqueue(request_job(promotion.owner, promotion, JobKind.EXPORT))
    finished(again)
    promotion = Promotion.objects.get(pk=promotion.pk)
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def begin(source: Source) -> tuple[Promotion, PromotionJob]:
    promotion = source.promotion()
    return promotion, jobs.enqueue(request_job(promotion.owner, promotion, JobKind.EXPORT))


def undisturbed(source: Source) -> Promotion:
    promotion = source.promotion()
    job = request_job(promotion.owner, promotion, JobKind.EXPORT)
    jobs.run(str(job.pk))
    assert refreshed(job).attempts == 1
    assert job.state == JobState.SUCCEEDED
    return promotion


def read(promotion: Promotion) -> int:
    return ExportPartition.objects.filter(export=promotion.pk).aggregate(n=Sum("read"))["n"] or 0


def kept(promotion: Promotion) -> int:
    return promotion.events.count()


def refreshed(job: PromotionJob) -> PromotionJob:
    job.refresh_from_db()
    return job


def attempts(job: PromotionJob) -> int:
    return refreshed(job).attempts


def sweep_finds(job: PromotionJob) -> bool:
    found = PromotionJob.objects.abandoned().filter(pk=job.pk).exists()
    if found:
        jobs.run_sweep()
    return found


def finished(job: PromotionJob) -> None:
    until(lambda: not refreshed(job).active, 60, "the end of the job")
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
