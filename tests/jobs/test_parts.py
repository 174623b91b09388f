"""The parts of a job: who may take one, and who may write for it."""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import django_rq
import pytest
from django.db import OperationalError
from django.utils import timezone

from promotion import entries, helping, jobs
from promotion.actions import finish
from promotion.actions.cancel import cancel
from promotion.actions.lease import Lease, claim
from promotion.actions.part_lease import PartLease, claim_another, claim_own, claim_to_help
from promotion.actions.parts import LONG_ANYWAY, WORTH_SECONDS, Beat, Portion, Together, divide, nobody
from promotion.actions.request import request_job
from promotion.errors import Cancelled, LeaseLost, PromotionError
from promotion.models import JobPart, PromotionJob
from promotion.models.job_part import MOST_HELPERS
from promotion.states import JobKind, JobState
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def long_leases(settings: Any) -> None:
    settings.LEASE_SECONDS = 3600


def taken(job: PromotionJob | None = None) -> Lease:
    """The lease on a new job, or the next one on `job`."""
    promotion = cast.promotion()
    job = job or request_job(promotion.owner, promotion, JobKind.EXPORT)
    token = claim(job.pk)
    assert token is not None
    return Lease(PromotionJob.objects.get(pk=job.pk), token)


def divided(number: int = 3) -> Lease:
    """The lease on a job with so many parts of ten each."""
    lease = taken()
    divide(lease, lambda: [Portion([n], 0, 10, {n: [0, 0, 10]}) for n in range(number)])
    return lease


def parts(lease: Lease) -> list[JobPart]:
    return list(JobPart.objects.filter(job=lease.job.pk).order_by("number"))


def held_by_another(part: JobPart) -> PartLease:
    held = claim_to_help(part.pk)
    assert held is not None
    return held


def run_out(rows: Any) -> None:
    rows.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_job_is_divided_once() -> None:
    lease = divided(3)
    divide(lease, lambda: pytest.fail("it is divided again"))
    assert [part.what for part in parts(lease)] == [[0], [1], [2]]


def test_a_part_is_held_by_one_worker_alone() -> None:
    lease = divided(2)
    second = parts(lease)[1]
    held = held_by_another(second)
    assert claim_to_help(second.pk) is None
    mine = claim_own(lease)
    assert mine is not None
    assert mine.part.number == 0
    assert claim_own(lease) is None
    run_out(JobPart.objects.filter(pk=second.pk))
    again = claim_own(lease)
    assert again is not None
    assert again.part.pk == second.pk
    with pytest.raises(LeaseLost), held.writing():
        pytest.fail("who lost the part writes")
    with again.writing():
        again.tell(4, 40, {1: [0, 4, 10]})
    held.tell(9, 90, {1: [0, 9, 10]})
    held.hand_over(left=True)
    second.refresh_from_db()
    assert (second.done, second.octets, second.attempts, second.left) == (4, 40, 2, False)


def test_the_first_part_is_left_to_the_jobs_own_worker() -> None:
    first, second = parts(divided(2))
    assert claim_to_help(first.pk) is None
    assert claim_to_help(second.pk) is not None


def test_a_part_that_is_done_is_not_taken_again() -> None:
    lease = divided(2)
    held_by_another(parts(lease)[1]).finish()
    assert claim_to_help(parts(lease)[1].pk) is None
    mine = claim_own(lease)
    assert mine is not None
    mine.finish()
    assert claim_own(lease) is None


def test_what_somebody_could_not_do_is_what_the_jobs_own_worker_takes_next() -> None:
    lease = divided(4)
    held_by_another(parts(lease)[2]).hand_over(left=True)
    assert claim_to_help(parts(lease)[2].pk) is None
    mine = claim_own(lease)
    assert mine is not None
    assert mine.part.number == 2


def test_a_part_that_many_workers_did_not_finish_is_left_to_the_jobs_own() -> None:
    lease = divided(2)
    second = parts(lease)[1]
    for _ in range(MOST_HELPERS):
        held_by_another(second)
        run_out(JobPart.objects.filter(pk=second.pk))
    assert claim_to_help(second.pk) is None
    claim_own(lease)
    assert claim_own(lease) is not None


@pytest.mark.parametrize("end", ["succeeded", "failed", "given up"])
def test_nobody_writes_for_a_job_that_has_ended(end: str) -> None:
    lease = divided(3)
    second, third = parts(lease)[1:]
    held = held_by_another(second)
    if end == "succeeded":
        finish.succeed(lease)
    elif end == "failed":
        finish.stop(lease, PromotionError("No."))
    else:
        finish.give_up(lease.job, PromotionError("No."))
    with pytest.raises(LeaseLost), held.writing():
        pytest.fail("a helper writes for a job that has ended")
    assert claim_to_help(third.pk) is None
    assert not JobPart.objects.exists()


def test_nobody_takes_a_part_of_a_job_that_is_to_be_cancelled() -> None:
    lease = divided(3)
    cancel(cast.user("manager"), lease.promotion)
    assert claim_to_help(parts(lease)[1].pk) is None


def test_whoever_helps_learns_of_a_cancel_and_of_the_end_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = divided(3)
    first, second = held_by_another(parts(lease)[1]), held_by_another(parts(lease)[2])
    first._renew()
    first.check()
    cancel(cast.user("manager"), lease.promotion)
    first._renew()
    with pytest.raises(Cancelled):
        first.check()
    finish.stop(lease, Cancelled("Cancelled on request."))
    second._renew()
    with pytest.raises(LeaseLost):
        second.check()


def test_the_next_attempt_waits_for_no_part_that_a_dead_attempt_held_and_leaves_those_of_others() -> None:
    lease = divided(3)
    held = held_by_another(parts(lease)[1])
    dead = claim_own(lease)
    assert dead is not None
    run_out(PromotionJob.objects)
    after = taken(lease.job)
    divide(after, lambda: pytest.fail("it is divided again"))
    assert claim_own(lease) is None  # an attempt that was overtaken takes nothing more
    mine = [claim_own(after), claim_own(after), claim_own(after)]
    assert [each and each.part.number for each in mine] == [0, 2, None]
    with held.writing():
        pass
    with pytest.raises(LeaseLost), dead.writing():
        pytest.fail("a worker that was overtaken writes")


def test_the_jobs_row_shows_the_sums_and_only_its_own_worker_writes_it() -> None:
    lease = divided(2)
    held = held_by_another(parts(lease)[1])
    with held.writing():
        held.tell(7, 700, {1: [0, 7, 10]})
    job = PromotionJob.objects.get()
    assert (job.done, job.total, job.octets) == (0, None, 0)

    def do(part: PartLease) -> None:
        with part.writing():
            part.tell(10, 1_000, {0: [0, 10, 10]})
        part.finish()
        with held.writing():
            held.tell(10, 1_001, {1: [0, 10, 10]})
        held.finish()

    Together(lease, "Reading", nobody).work(do)
    job.refresh_from_db()
    assert (job.phase, job.done, job.total, job.octets) == ("Reading", 20, 20, 2_001)
    assert job.positions == {"0": [0, 10, 10], "1": [0, 10, 10]}


def test_the_jobs_own_worker_takes_over_what_a_dead_one_held_and_waits_for_a_living_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lease = divided(3)
    living, dead = held_by_another(parts(lease)[1]), held_by_another(parts(lease)[2])
    done: list[int] = []

    def do(part: PartLease) -> None:
        done.append(part.part.number)
        part.finish()

    def sleep(seconds: float) -> None:
        if JobPart.objects.open().count() == 2:
            run_out(JobPart.objects.filter(pk=dead.part.pk))
        else:
            living.finish()

    monkeypatch.setattr("promotion.actions.parts.time.sleep", sleep)
    Together(lease, "Reading", nobody).work(do)
    assert done == [0, 2]


def test_who_loses_a_part_but_not_the_job_goes_on_with_the_others() -> None:
    lease = divided(2)
    done: list[int] = []

    def do(part: PartLease) -> None:
        if not done:
            done.append(part.part.number)
            JobPart.objects.filter(pk=part.part.pk).update(lease_token=uuid.uuid4(), finished=True)
        else:
            done.append(part.part.number)
        part.finish()

    Together(lease, "Reading", nobody).work(do)
    assert done == [0, 1]


@pytest.mark.parametrize(("seconds", "calls"), [(WORTH_SECONDS / 8, 0), (WORTH_SECONDS * 2, 1)])
def test_others_are_called_once_and_only_where_what_is_left_takes_long(
    monkeypatch: pytest.MonkeyPatch, seconds: float, calls: int
) -> None:
    """A job of four parts that take so many seconds each."""
    lease, now, called = divided(4), [1_000.0], list[PromotionJob]()
    monkeypatch.setattr("promotion.actions.parts.time.monotonic", lambda: now[0])

    def do(part: PartLease) -> None:
        now[0] += seconds
        with part.writing():
            part.tell(10, 1_000, {})
        together.tell()
        part.finish()

    together = Together(lease, "Reading", called.append)
    together.work(do)
    assert len(called) == calls


@pytest.mark.parametrize(("total", "calls"), [(LONG_ANYWAY, [0]), (LONG_ANYWAY - 1, [])])
def test_others_are_called_before_the_first_part_where_so_much_is_to_be_read(total: int, calls: list[int]) -> None:
    lease, done, called_after = taken(), list[int](), list[int]()
    divide(lease, lambda: [Portion([n], 0, half, {}) for n, half in enumerate((total // 2, total - total // 2))])

    def do(part: PartLease) -> None:
        done.append(part.part.number)
        part.finish()

    Together(lease, "Reading", lambda _: called_after.append(len(done))).work(do)
    assert (called_after, done) == (calls, [0, 1])


@pytest.fixture
def queue(services: Any, settings: Any) -> Any:
    """The queue of parts, empty; what nobody took counts as lost at once."""
    settings.SWEEP_SECONDS = 0
    django_rq.get_connection("default").flushdb()
    return django_rq.get_queue("parts")


committed = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@committed
def test_all_parts_but_the_first_are_called_out_once(queue: Any) -> None:
    lease = divided(3)
    for _ in range(2):
        jobs.call_helpers(lease.job)
        jobs.run_sweep()
    assert queue.job_ids == [f"{part.pk}-0" for part in parts(lease)[1:]]


@committed
def test_what_nobody_took_is_out_of_the_queue_when_the_job_has_ended(
    queue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = divided(2)
    jobs.call_helpers(another.job)

    def run(lease: Lease) -> None:
        divide(lease, lambda: [Portion([n], 0, 10) for n in range(3)])
        jobs.call_helpers(lease.job)
        assert len(queue.job_ids) == 3
        Together(lease, "Reading", nobody).work(lambda part: part.finish())

    monkeypatch.setitem(jobs.RUNNERS, JobKind.EXPORT, run)
    promotion = another.promotion
    job = request_job(promotion.owner, cast.promotion("Another"), JobKind.EXPORT)
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED
    assert queue.job_ids == [f"{parts(another)[1].pk}-0"]


@committed
def test_parts_that_the_queue_lost_are_called_out_again(queue: Any) -> None:
    lease = divided(3)
    held = held_by_another(parts(lease)[1])
    jobs.call_helpers(lease.job)
    django_rq.get_connection("default").flushdb()
    jobs.run_sweep()
    assert queue.job_ids == [f"{parts(lease)[2].pk}-0"]
    run_out(JobPart.objects.filter(pk=held.part.pk))
    jobs.run_sweep()
    assert sorted(queue.job_ids) == sorted([f"{held.part.pk}-1", f"{parts(lease)[2].pk}-0"])


@committed
def test_without_a_queue_the_job_goes_on_alone(settings: Any, queue: Any) -> None:
    lease = divided(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.RQ_QUEUES["parts"], "URL", "redis://127.0.0.1:9/0")
        jobs.call_helpers(lease.job)
    assert len(parts(lease)) == 3


@committed
def test_a_helper_that_dies_at_a_later_part_leaves_that_one_at_once(queue: Any) -> None:
    lease = divided(4)
    first = held_by_another(parts(lease)[1])
    first.finish()
    another = claim_another(first)
    assert another is not None
    others = held_by_another(parts(lease)[3])
    jobs.helper_died(str(first.part.pk), 1)
    assert queue.job_ids == [f"{another.part.pk}-1"]
    with others.writing():
        pass


@committed
@pytest.mark.parametrize("waits", ["quick", "default", ""])
def test_who_helps_leaves_the_part_where_it_stands_for_a_job_that_nobody_has_taken(
    queue: Any, monkeypatch: pytest.MonkeyPatch, waits: str
) -> None:
    lease = divided(2)
    second = parts(lease)[1]

    def do(part: PartLease, beat: Beat) -> None:
        with part.writing():
            part.tell(4, 40, {1: [0, 4, 10]})
        if waits:
            entries.put(waits, jobs.FUNCTION, "another-job", uuid.uuid4())
        beat()
        part.finish()

    monkeypatch.setitem(jobs.HELPERS, JobKind.EXPORT, lambda first: nullcontext(do))
    monkeypatch.setattr(helping, "LOOK_SECONDS", 0)
    jobs.run_part(str(second.pk))
    second.refresh_from_db()
    assert (second.finished, second.done, second.left) == (not waits, 4, False)
    assert queue.job_ids == ([f"{second.pk}-1"] if waits else [])


@committed
def test_the_death_of_a_helper_ends_its_own_lease_and_nobody_elses(queue: Any) -> None:
    second = parts(divided(2))[1]
    held_by_another(second)
    jobs.helper_died(str(second.pk), 2)
    assert not queue.job_ids
    assert claim_to_help(second.pk) is None
    jobs.helper_died(str(second.pk), 1)
    assert queue.job_ids == [f"{second.pk}-1"]
    assert claim_to_help(second.pk) is not None


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (RuntimeError("secret content of an event"), True),
        (PromotionError("No."), True),
        (LeaseLost("gone"), False),
        (Cancelled("asked"), False),
        (OperationalError("gone"), False),
    ],
)
def test_what_goes_wrong_in_a_part_is_left_to_the_jobs_own_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: Any, error: Exception, left: bool
) -> None:
    lease = divided(2)

    def fail(part: PartLease, beat: Beat) -> None:
        raise error

    monkeypatch.setitem(jobs.HELPERS, JobKind.EXPORT, lambda first: nullcontext(fail))
    monkeypatch.setattr("promotion.helping.connection.close", lambda: None)  # it is this test's own
    jobs.run_part(str(parts(lease)[1].pk))
    lease.job.refresh_from_db()
    assert lease.job.state == JobState.RUNNING
    assert [part.left for part in parts(lease)] == [False, left]
    assert "secret" not in caplog.text


def test_an_entry_of_a_part_that_is_gone_does_nothing() -> None:
    jobs.run_part(str(uuid.uuid4()))
