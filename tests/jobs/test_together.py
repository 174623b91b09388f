"""Several workers at one export, on real processes: whoever joins, dies or is cancelled, the rows are those of one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import cast

import django_rq
import pytest
from django.db import connection
from rq import Worker

from promotion import jobs
from promotion.actions.cancel import cancel
from promotion.actions.request import request_job
from promotion.models import ExportPartition, JobPart, Promotion, PromotionJob
from promotion.states import JobKind, JobState
from tests.export.source import Source, rows_of
from tests.jobs.processes import WorkerProcess, alive, until
from tests.jobs.test_killed import attempts, begin, finished, read, refreshed, sweep_finds, undisturbed

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(120),
]
Start = Callable[..., WorkerProcess]


def test_two_workers_write_what_one_writes(start_worker: Start, long_source: Source) -> None:
    start_worker()
    start_worker()
    promotion, job = begin_together(long_source)
    until(lambda: len(holders(job)) == 2, what="two workers at it")
    finished(job)
    assert rows_of(promotion) == rows_of(undisturbed(long_source))
    alone = PromotionJob.objects.exclude(pk=job.pk).get()
    assert (job.done, job.total, job.octets, job.positions) == (alone.done, alone.total, alone.octets, alone.positions)
    assert attempts(job) == 1
    assert not JobPart.objects.exists()


def test_a_worker_that_comes_late_helps(start_worker: Start, long_source: Source) -> None:
    first = start_worker()
    promotion, job = begin_together(long_source)
    until(lambda: read(promotion) > 0)
    horse = pause(first)
    start_worker()
    part = until(lambda: helped(job), what="a part in the hands of the second worker")
    os.kill(horse, signal.SIGCONT)
    finished(job)
    assert part.number == 1
    assert attempts(job) == 1
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_a_helper_that_is_killed_is_no_event(start_worker: Start, long_source: Source) -> None:
    workers = [start_worker(), start_worker()]
    promotion, job = begin_together(long_source)
    part = until(lambda: helped(job), what="a part in the hands of the second worker")
    until(lambda: position(promotion, part) > 0, what="something written by it")
    at_it(workers, part).kill_horse()
    until(lambda: part_attempts(part) != 1, what="somebody else at the part")
    finished(job)
    assert attempts(job) == 1
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_the_machine_of_a_helper_may_go_away(start_worker: Start, long_source: Source) -> None:
    """Nobody says so: the part's lease runs out, and the job's own worker takes it."""
    workers = [start_worker(), start_worker()]
    promotion, job = begin_together(long_source)
    part = until(lambda: helped(job), what="a part in the hands of the second worker")
    until(lambda: position(promotion, part) > 0, what="something written by it")
    at_it(workers, part).kill()
    until(lambda: part_attempts(part) != 1, what="the job's own worker at the part")
    finished(job)
    assert attempts(job) == 1
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_the_jobs_own_worker_may_be_killed_while_another_helps(start_worker: Start, long_source: Source) -> None:
    workers = [start_worker(), start_worker()]
    promotion, job = begin_together(long_source)
    part = until(lambda: helped(job), what="a part in the hands of the second worker")
    until(lambda: position(promotion, part) > 0, what="something written by it")
    at_it(workers, job).kill()
    until(lambda: sweep_finds(job), 20, "the end of the dead worker's lease")
    assert part_attempts(part) == 1  # whoever helps was not disturbed
    finished(job)
    assert attempts(job) == 2
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_a_helper_that_was_cut_off_and_comes_back_writes_nothing_over_its_successor(
    start_worker: Start, long_source: Source
) -> None:
    workers = [start_worker(), start_worker()]
    promotion, job = begin_together(long_source)
    part = until(lambda: helped(job), what="a part in the hands of the second worker")
    until(lambda: position(promotion, part) > 0, what="something written by it")
    horse = at_it(workers, part).kill_horse(signal.SIGSTOP)
    until(lambda: part_attempts(part) != 1, what="the job's own worker at the part")
    os.kill(horse, signal.SIGCONT)
    finished(job)
    until(lambda: not alive(horse))
    assert attempts(job) == 1
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def test_an_export_that_two_work_on_is_cancelled_and_goes_on_later(start_worker: Start, long_source: Source) -> None:
    start_worker()
    start_worker()
    promotion, job = begin_together(long_source)
    until(lambda: len(holders(job)) == 2 and read(promotion) > 0, what="two workers at it")
    cancel(promotion.owner, promotion)
    until(lambda: not refreshed(job).active, 5, "the cancelled export's end")
    assert job.state == JobState.CANCELLED
    stands = list(ExportPartition.objects.filter(export=promotion.pk).values_list("partition", "position"))
    again = request_job(promotion.owner, promotion, JobKind.EXPORT)
    assert list(ExportPartition.objects.filter(export=promotion.pk).values_list("partition", "position")) == stands
    finished(jobs.enqueue(again))
    promotion = Promotion.objects.get(pk=promotion.pk)
    assert rows_of(promotion) == rows_of(undisturbed(long_source))


def begin_together(source: Source) -> tuple[Promotion, PromotionJob]:
    """Begin an export and call others at once, however short it is."""
    promotion, job = begin(source)
    until(lambda: JobPart.objects.filter(job=job.pk).exists(), what="the parts")
    jobs.call_helpers(job)
    return promotion, job


def holders(job: PromotionJob) -> set[bool]:
    """Who works on the parts: the job's own worker (True), another one (False), both."""
    return set(JobPart.objects.open().filter(job=job.pk, lease_token__isnull=False).values_list("own", flat=True))


def helped(job: PromotionJob) -> JobPart | None:
    held = JobPart.objects.open().filter(job=job.pk, lease_token__isnull=False, own=False)
    return held.first()


def at_it(workers: list[WorkerProcess], work: PromotionJob | JobPart) -> WorkerProcess:
    """The worker that does `work`."""

    def found() -> WorkerProcess | None:
        doing = {each.pid: each.get_current_job_id() or "" for each in Worker.all(django_rq.get_connection("default"))}
        return next((each for each in workers if doing.get(each.process.pid, "").startswith(str(work.pk))), None)

    return cast(WorkerProcess, until(found, what=f"a worker at {work}"))


def pause(worker: WorkerProcess) -> int:
    """Stop its child between two transactions, where nobody has to wait for it, and return the child's process id."""
    for _ in range(100):
        horse = worker.kill_horse(signal.SIGSTOP)
        for _ in range(20):
            if not transactions():
                return horse
            time.sleep(0.01)
        os.kill(horse, signal.SIGCONT)
        time.sleep(0.02)
    raise AssertionError("It is always inside a transaction.")


def transactions() -> int:
    """How many transactions are open in this database beside our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def part_attempts(part: JobPart) -> int:
    """How often the part was taken; 0 where it is gone, with its job."""
    return JobPart.objects.filter(pk=part.pk).values_list("attempts", flat=True).first() or 0


def position(promotion: Promotion, part: JobPart) -> int:
    rows = ExportPartition.objects.filter(export=promotion.pk, partition__in=part.what)
    return max(rows.values_list("position", flat=True))
