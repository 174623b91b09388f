"""What workers run, and the only place that enqueues. A job in the queue is an id; its row says everything else."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable

import django_rq
import psycopg
from django.db import InterfaceError, OperationalError, connection
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError

from promotion.actions import (
    amend_propose,
    audit,
    check_environment,
    compare,
    export,
    finish,
    import_run,
    plan,
    replay,
    rewrite,
    sweep,
    verify,
)
from promotion.actions.lease import Lease, claim
from promotion.errors import LeaseLost, PromotionError, Unreachable
from promotion.models import PromotionJob
from promotion.states import JobKind

logger = logging.getLogger(__name__)

RUNNERS: dict[JobKind, Callable[[Lease], None]] = {
    JobKind.EXPORT: export.run,
    JobKind.REFRESH: export.run,
    JobKind.IMPORT: import_run.run,
    JobKind.PREVIEW_RULES: rewrite.run,
    JobKind.REWRITE: rewrite.run,
    JobKind.AMEND: amend_propose.run,
    JobKind.PLAN: plan.run,
    JobKind.CHECK_PLAN: plan.run_check,
    JobKind.REPLAY: replay.run,
    JobKind.VERIFY: verify.run,
    JobKind.UPLOAD: compare.run,
    JobKind.CHECK_ENVIRONMENT: check_environment.run,
}
QUICK = {JobKind.CHECK_ENVIRONMENT}
#: A server that restarts ends its sessions; inside of COPY the driver's own error comes through.
DATABASE_GONE = (OperationalError, InterfaceError, psycopg.OperationalError)
#: The only function that a worker of ours runs, whatever stands in the queue.
FUNCTION = "promotion.jobs.run"


def enqueue(job: PromotionJob) -> PromotionJob:
    """Put the job's id into its queue, once. Raises Unreachable without Valkey: the sweep enqueues it later."""
    try:
        _enqueue(job)
    except RedisError as error:
        raise Unreachable(
            "The queue (Valkey) does not answer.", "The job is kept and starts by itself when the queue is back."
        ) from error
    return job


def _enqueue(job: PromotionJob) -> None:
    queue = django_rq.get_queue("quick" if job.kind in QUICK else "default", commit_mode="on_db_commit")
    name = entry_name(job)
    try:
        _push(queue, name, job)
    except DuplicateJobError:
        # It waits in the queue, or it is what is left of a worker that died before it could claim the job: RQ keeps
        # that under the same name, and would keep the job out for as long.
        if queue.get_job_position(name) is None:
            _forget(queue, name)
            _push(queue, name, job)


def _push(queue: Queue, name: str, job: PromotionJob) -> None:
    queue.enqueue_call(FUNCTION, args=(str(job.pk),), job_id=name, unique=True, result_ttl=60, failure_ttl=3600)


def _forget(queue: Queue, name: str) -> None:
    try:
        found = queue.fetch_job(name)
        if found is not None:
            found.delete()
    except NoSuchJobError:
        pass


def entry_name(job: PromotionJob) -> str:
    """Return the name of the job's entry in the queue: each attempt has its own, numbered by those before it."""
    return f"{job.pk}-{job.attempts}"


def run(job_id: str) -> None:
    """Claim the job and run it to its end. Does nothing where another worker holds it or it has ended."""
    token = claim(uuid.UUID(job_id))
    if token is None:
        logger.info("job %s: held by another worker, or ended", job_id)
        return
    job = PromotionJob.objects.select_related("promotion", "draft", "requested_by").get(pk=job_id)
    logger.info("job %s: %s of promotion %s, attempt %s", job_id, job.kind, job.promotion_id, job.attempts)
    with audit.origin(audit.WORKER), Lease(job, token) as lease:
        try:
            _run(lease)
        except LeaseLost:
            logger.warning("job %s: another worker took over", job_id)


def _run(lease: Lease) -> None:
    try:
        RUNNERS[JobKind(lease.job.kind)](lease)
    except LeaseLost:
        raise
    except PromotionError as error:
        logger.info("job %s: %s: %s", lease.job.pk, type(error).__name__, error.message)
        finish.stop(lease, error)
    except DATABASE_GONE as error:
        # Not the job's fault, and nothing that could be written down now. The sweep starts it again where it stood.
        logger.warning("job %s: the database went away (%s)", lease.job.pk, type(error).__name__)
        connection.close()
    except Exception as error:
        # The message of a foreign exception may quote an event: only its type and where it came from are logged.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("job %s: unexpected %s\n%s", lease.job.pk, type(error).__name__, where)
        finish.stop(
            lease,
            PromotionError(
                f"Unexpected error in the worker: {type(error).__name__}.",
                f"The worker's log says where, under job {lease.job.pk}. Nothing was lost; it can be started again.",
            ),
        )
    else:
        finish.succeed(lease)
        _follow_up(lease.job)


def _follow_up(job: PromotionJob) -> None:
    """Have a replay that succeeded verified. Where this is not reached, the sweep does it."""
    proof = verify.follow_up(job)
    if proof is not None:
        try:
            enqueue(proof)
        except Unreachable as error:
            logger.warning("job %s: %s", proof.pk, error.message)


def run_sweep() -> None:
    """Enqueue again what a dead worker or the queue has lost; the periodic process calls it.

    A dead worker's replay is fenced first: its open transaction hides later records from the target's readers, and
    nobody knows when a worker is free to take over.
    """
    for job in PromotionJob.objects.abandoned().filter(kind=JobKind.REPLAY):
        _fence(job)
    for job in sweep.sweep():
        logger.info("job %s: swept after %s attempts", job.pk, job.attempts)
        enqueue(job)


def _fence(job: PromotionJob) -> None:
    try:
        replay.fence_abandoned(job)
    except PromotionError as error:
        logger.warning("job %s: not fenced: %s", job.pk, error.message)


def worker_died(job_id: str, attempt: int) -> None:
    """Start a job again at once whose worker process was killed in its `attempt`; called by the worker's parent."""
    if sweep.expire(job_id, attempt):
        enqueue(PromotionJob.objects.get(pk=job_id))
