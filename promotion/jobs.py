"""What workers run, and the only place that enqueues. A job in the queue is an id; its row says everything else."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable

import django_rq
from redis.exceptions import RedisError
from rq.exceptions import DuplicateJobError

from promotion.actions import audit, check_environment, compare, export, finish, replay, sweep
from promotion.actions.lease import Lease, claim
from promotion.errors import LeaseLost, PromotionError, Unreachable
from promotion.models import PromotionJob
from promotion.states import JobKind

logger = logging.getLogger(__name__)

RUNNERS: dict[JobKind, Callable[[Lease], None]] = {
    JobKind.EXPORT: export.run,
    JobKind.REPLAY: replay.run,
    JobKind.UPLOAD: compare.run,
    JobKind.CHECK_ENVIRONMENT: check_environment.run,
}
QUICK = {JobKind.CHECK_ENVIRONMENT}
#: The only functions that a worker of ours runs, whatever stands in the queue.
ALLOWED = frozenset({"promotion.jobs.run"})


def enqueue(job: PromotionJob) -> PromotionJob:
    """Put the job's id into its queue, once. Raises Unreachable without Valkey: the sweep enqueues it later."""
    queue = django_rq.get_queue("quick" if job.kind in QUICK else "default", commit_mode="on_db_commit")
    # Every attempt has a name of its own: the queue may still remember a dead one as running.
    name = f"{job.pk}-{job.attempts}"
    try:
        queue.enqueue_call(
            "promotion.jobs.run", args=(str(job.pk),), job_id=name, unique=True, result_ttl=60, failure_ttl=3600
        )
    except DuplicateJobError:
        logger.debug("job %s is in the queue already", job.pk)
    except RedisError as error:
        raise Unreachable(
            "The queue (Valkey) does not answer.", "The job is kept and starts by itself when the queue is back."
        ) from error
    return job


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


def run_sweep() -> None:
    """Enqueue again what a dead worker or the queue has lost; the periodic process calls it."""
    for job in sweep.sweep():
        logger.warning("job %s: enqueued again after %s attempts", job.pk, job.attempts)
        enqueue(job)


def worker_died(job_id: str) -> None:
    """Start a job again at once whose worker process was killed; called by the worker's parent."""
    if sweep.expire(job_id):
        enqueue(PromotionJob.objects.get(pk=job_id))
