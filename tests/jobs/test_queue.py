"""The queue is only a way to be woken up: what it loses is found, what does not belong there is not run."""

import gc
import json
import uuid
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django_rq
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from promotion import jobs
from promotion.actions import sweep
from promotion.actions.cancel import cancel
from promotion.actions.lease import Lease, claim
from promotion.actions.request import request_job
from promotion.errors import Cancelled, LeaseLost, PromotionError, Refused, Unreachable
from promotion.models import AuditEntry, Promotion, PromotionJob
from promotion.states import JobKind, JobState, PromotionState
from promotion.workers import COLLECT, PromotionWorker, job_id_of
from tests import cast
from tests.jobs.processes import WorkerProcess, until

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(services: Any, settings: Any) -> Any:
    """The queue of exports, empty; everything that was queued counts as forgotten at once."""
    settings.SWEEP_SECONDS, settings.LEASE_SECONDS = 0, 3600
    django_rq.get_connection("default").flushdb()
    return django_rq.get_queue("default")


def asked() -> PromotionJob:
    promotion = cast.promotion()
    return request_job(promotion.owner, promotion, JobKind.EXPORT)


def held(job: PromotionJob) -> Lease:
    token = claim(job.pk)
    assert token is not None
    job.refresh_from_db()
    return Lease(job, token)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_job_is_queued_once_however_often_it_is_asked_for(queue: Any) -> None:
    job = asked()
    for _ in range(3):
        jobs.enqueue(job)
        jobs.run_sweep()
    assert queue.job_ids == [f"{job.pk}-0"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_job_is_found_again_when_the_queue_was_lost(queue: Any) -> None:
    job = jobs.enqueue(asked())
    django_rq.get_connection("default").flushdb()
    jobs.run_sweep()
    assert queue.job_ids == [f"{job.pk}-0"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_a_dead_worker_left_in_the_queue_does_not_keep_its_job_out(queue: Any) -> None:
    """The worker took the entry and died before it claimed the job: the entry's name is known, and nobody waits."""
    job = jobs.enqueue(asked())
    assert queue.pop_job_id() == f"{job.pk}-0"
    jobs.run_sweep()
    assert queue.job_ids == [f"{job.pk}-0"]
    entry = queue.fetch_job(f"{job.pk}-0")
    queue.pop_job_id()
    entry.set_status("failed")
    jobs.run_sweep()
    assert queue.job_ids == [f"{job.pk}-0"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_job_that_was_asked_for_without_a_queue_is_kept(settings: Any, queue: Any) -> None:
    job = asked()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.RQ_QUEUES["default"], "URL", "redis://127.0.0.1:9/0")
        with pytest.raises(Unreachable, match="Valkey"):
            jobs.enqueue(job)
    assert [found.pk for found in sweep.sweep()] == [job.pk]


def test_a_queued_export_is_cancelled_at_once(queue: Any) -> None:
    job = asked()
    cancel(cast.user("manager"), job.promotion)
    job.refresh_from_db()
    assert (job.state, job.exit_code) == (JobState.CANCELLED, 9)
    assert Promotion.objects.get().state == PromotionState.EXPORT_CANCELLED
    assert claim(job.pk) is None
    jobs.run(str(job.pk))  # its entry in the queue does nothing any more
    assert PromotionJob.objects.get().state == JobState.CANCELLED
    assert AuditEntry.objects.filter(verb="cancel export").exists()


def test_nothing_is_cancelled_where_nothing_runs() -> None:
    with pytest.raises(Refused, match="Nothing"):
        cancel(cast.user("manager"), cast.promotion())


@pytest.mark.parametrize("role", ["viewer", "approver", "curator"])
def test_only_a_release_manager_exports_and_cancels(role: str) -> None:
    job = asked()
    with pytest.raises(Refused):
        cancel(cast.user(role), job.promotion)
    with pytest.raises(Refused):
        request_job(cast.user(role), cast.promotion(), JobKind.EXPORT)


def test_a_job_is_claimed_by_one_worker_alone(queue: Any) -> None:
    job = asked()
    assert claim(job.pk) is not None
    assert claim(job.pk) is None
    PromotionJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claim(job.pk) is not None
    job.refresh_from_db()
    assert job.attempts == 2


def test_who_lost_the_lease_writes_nothing(queue: Any) -> None:
    job = asked()
    first = held(job)
    PromotionJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = held(job)
    with pytest.raises(LeaseLost), first.writing():
        pytest.fail("the first worker writes")
    with second.writing():
        pass
    first.progress(99)
    job.refresh_from_db()
    assert job.done == 0


def test_a_worker_that_takes_over_knows_of_a_cancel_that_the_dead_one_was_asked(queue: Any) -> None:
    job = asked()
    held(job)
    cancel(cast.user("manager"), job.promotion)
    PromotionJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    with held(job) as lease, pytest.raises(Cancelled):
        lease.check()


def test_the_death_of_a_worker_ends_its_own_lease_and_nobody_elses(queue: Any) -> None:
    job = asked()
    held(job)
    assert not sweep.expire(str(job.pk), attempt=2)
    assert PromotionJob.objects.abandoned().count() == 0
    assert sweep.expire(str(job.pk), attempt=1)
    assert PromotionJob.objects.abandoned().count() == 1


def test_a_job_that_kills_its_workers_is_given_up(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = asked()
    held(job)
    PromotionJob.objects.update(attempts=sweep.MAX_ATTEMPTS, lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep.sweep() == []
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert str(sweep.MAX_ATTEMPTS) in job.error
    assert Promotion.objects.get().state == PromotionState.EXPORT_FAILED


def test_an_unexpected_error_is_shown_without_what_it_quotes(queue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(lease: Lease) -> None:
        raise RuntimeError("secret content of an event")

    monkeypatch.setitem(jobs.RUNNERS, JobKind.EXPORT, fail)
    job = asked()
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.exit_code) == (JobState.FAILED, 1)
    assert "RuntimeError" in job.error
    assert "secret" not in job.error + job.hint


@pytest.mark.parametrize(
    "change",
    [
        {"data": ["os.system", None, ["true"], {}]},
        {"data": ["promotion.jobs.run", None, ["no id"], {}]},
        {"data": ["promotion.jobs.run", None, [str(uuid.uuid4()), 1], {}]},
        {"data": ["promotion.jobs.run", "an instance", [str(uuid.uuid4())], {}]},
        {"data": ["promotion.jobs.run_sweep", None, [], {}]},
        {"data": ["promotion.jobs.helper_died", None, [str(uuid.uuid4())], {}]},
        {"data": ["promotion.jobs.run_part", None, [str(uuid.uuid4()), str(uuid.uuid4())], {}]},
        {"data": [[], None, [[]], {}]},
        {"data": {}},
        {"failure_callback_name": "os.system"},
        {"success_callback_name": "os.system"},
        {"webhooks": [{"url": "http://127.0.0.1:9/", "job_status": "finished"}]},
    ],
)
def test_an_entry_that_is_not_exactly_ours_is_not_run(queue: Any, change: dict[str, Any]) -> None:
    entry = _entry(queue, change)
    assert job_id_of(entry) is None


@pytest.mark.parametrize("function", [jobs.FUNCTION, jobs.PART_FUNCTION])
def test_an_entry_of_ours_is_known(queue: Any, function: str) -> None:
    assert job_id_of(_entry(queue, {"data": [function, None, [str(uuid.uuid4())], {}]})) is not None


def _entry(queue: Any, change: dict[str, Any]) -> Job:
    """An entry as an intruder would write it into Valkey."""
    name = str(uuid.uuid4())
    Queue(queue.name, connection=queue.connection, serializer=JSONSerializer).enqueue_call(
        jobs.FUNCTION, args=(str(uuid.uuid4()),), job_id=name
    )
    connection = django_rq.get_connection("default")
    for key, value in change.items():
        text = value if isinstance(value, str) else json.dumps(value)
        connection.hset(f"rq:job:{name}", key, zlib.compress(text.encode()) if key == "data" else text)
    return Job.fetch(name, connection=connection, serializer=JSONSerializer)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_worker_survives_what_an_intruder_puts_into_its_queue(
    start_worker: Callable[..., WorkerProcess], tmp_path: Any
) -> None:
    assert django_settings.RQ_QUEUES["default"]["SERIALIZER"] == "json"
    queue = django_rq.get_queue("default")
    proof = tmp_path / "proof"
    for data in (["os.system", None, [f"touch {proof}"], {}], "\x00garbage", {}, ["os.system"]):
        _entry(queue, {"data": data})
    _entry(queue, {"failure_callback_name": "os.system", "data": ["promotion.jobs.run", None, ["x"], {}]})
    worker = start_worker()
    job = asked()
    jobs.enqueue(job)
    # Nothing listens at the source: the job is tried, and fails.
    until(lambda: not PromotionJob.objects.get(pk=job.pk).active, 60, "the job behind the intruder's entries")
    assert worker.process.poll() is None
    assert not proof.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_job_seldom_looks_for_cycles_and_never_among_what_was_loaded_before(
    queue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, ours = tmp_path / "found", (gc.get_threshold(), gc.get_freeze_count())

    def run(job_id: str) -> None:
        found.write_text(json.dumps([gc.get_threshold(), gc.get_freeze_count() > ours[1] + 10_000]))

    monkeypatch.setattr(jobs, "run", run)
    monkeypatch.setattr(PromotionWorker, "_install_signal_handlers", lambda self: None)  # they would stay
    jobs.enqueue(asked())
    PromotionWorker([queue], connection=queue.connection, serializer=JSONSerializer).work(burst=True)
    assert json.loads(found.read_text()) == [list(COLLECT), True]
    assert (gc.get_threshold(), gc.get_freeze_count()) == ours  # only the child is meant


def test_an_error_by_its_exit_code_comes_back_as_itself() -> None:
    from promotion.management.base import _ended

    job = PromotionJob(exit_code=7, error="gone", hint="look")
    assert isinstance(_ended(job), Unreachable)
    assert isinstance(_ended(PromotionJob(exit_code=1)), PromotionError)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("inside_copy", [False, True])
def test_a_job_whose_database_session_is_ended_goes_on_with_the_next_worker(
    queue: Any, monkeypatch: pytest.MonkeyPatch, inside_copy: bool
) -> None:
    """As a restart of PostgreSQL ends it: the first attempt is cut off, the second one finds what it left."""
    attempts: list[int] = []

    def runner(lease: Lease) -> None:
        attempts.append(lease.job.attempts)
        if len(attempts) == 1:
            with connection.cursor() as cursor:
                statement = "SELECT pg_terminate_backend(pg_backend_pid())"
                if not inside_copy:
                    cursor.execute(statement)
                with cursor.copy(f"COPY ({statement}) TO STDOUT") as copy:
                    list(copy)

    monkeypatch.setitem(jobs.RUNNERS, JobKind.EXPORT, runner)
    job = asked()
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.RUNNING
    assert sweep.expire(str(job.pk), job.attempts)
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert (job.state, attempts) == (JobState.SUCCEEDED, [1, 2])
