"""What workers run, and the only place that enqueues. A job in the queue is an id; its row says everything else."""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import Callable

import psycopg
from django.db import InterfaceError, OperationalError, connection

from promotion import entries
from promotion.actions import (
    amend_propose,
    audit,
    check_environment,
    compare,
    export,
    finish,
    import_run,
    parts,
    plan,
    replay,
    rewrite,
    sweep,
    verify,
)
from promotion.actions.lease import Lease, claim
from promotion.actions.part_lease import PartLease, claim_to_help
from promotion.errors import Cancelled, LeaseLost, PromotionError, Unreachable
from promotion.models import JobPart, PromotionJob
from promotion.states import JobKind

logger = logging.getLogger(__name__)

#: The functions that a worker of ours runs, whatever stands in the queue.
FUNCTION = "promotion.jobs.run"
PART_FUNCTION = "promotion.jobs.run_part"
RUNNERS: dict[JobKind, Callable[[Lease], None]] = {
    JobKind.EXPORT: lambda lease: export.run(lease, call_helpers),
    JobKind.REFRESH: lambda lease: export.run(lease, call_helpers),
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
#: Those that are divided into parts, and how one of them is done.
PART_RUNNERS: dict[JobKind, Callable[[PartLease, parts.Beat], None]] = {
    JobKind.EXPORT: export.run_part,
    JobKind.REFRESH: export.run_part,
}
QUICK = {JobKind.CHECK_ENVIRONMENT}
#: How often a worker that helps looks whether it is wanted elsewhere.
LOOK_SECONDS = 1.0
#: A server that restarts ends its sessions; inside of COPY the driver's own error comes through.
DATABASE_GONE = (OperationalError, InterfaceError, psycopg.OperationalError)


def enqueue(job: PromotionJob) -> PromotionJob:
    """Put the job's id into its queue, once. Raises Unreachable without Valkey: the sweep enqueues it later."""
    _enqueue(job)
    return job


def _enqueue(job: PromotionJob) -> None:
    entries.put("quick" if job.kind in QUICK else "default", FUNCTION, entry_name(job), job.pk)


def call_helpers(job: PromotionJob) -> None:
    """Put the parts of the job that nobody has taken into the queue. Without Valkey its own worker does them all."""
    try:
        for part in JobPart.objects.to_help_with().filter(job=job.pk):
            _enqueue_part(part)
    except Unreachable as error:
        logger.warning("job %s: no helpers: %s", job.pk, error.message)


def _enqueue_part(part: JobPart) -> None:
    entries.put("parts", PART_FUNCTION, entry_name(part), part.pk)


def entry_name(work: PromotionJob | JobPart) -> str:
    """Return the name of its entry in the queue: each attempt has its own, numbered by those before it."""
    return f"{work.pk}-{work.attempts}"


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
        _log_unexpected(lease.job, error)
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


def _log_unexpected(job: PromotionJob, error: Exception) -> None:
    """The message of a foreign exception may quote an event: only its type and where it came from are logged."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("job %s: unexpected %s\n%s", job.pk, type(error).__name__, where)


def run_part(part_id: str) -> None:
    """Claim a part of a job and do it. Does nothing where another worker holds it, it is done or the job has ended.

    It is the job's own worker that ends the job: what goes wrong here is left to that one, who meets it too and says
    it, or does not.
    """
    part = claim_to_help(uuid.UUID(part_id))
    if part is None:
        logger.info("part %s: held by another worker, done, or its job has ended", part_id)
        return
    logger.info("job %s: part %s, attempt %s", part.job.pk, part.part.number, part.part.attempts + 1)
    with audit.origin(audit.WORKER), part:
        _help(part)


class OthersWait(Exception):
    """A job that nobody has taken waits for a worker: more urgent than a part of one that somebody works on."""


class _GiveWay:
    """Looks once a second whether a job waits that nobody has taken. Raises OthersWait."""

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            if entries.waiting("quick", "default"):
                raise OthersWait


def _help(part: PartLease) -> None:
    try:
        PART_RUNNERS[JobKind(part.job.kind)](part, _GiveWay())
    except OthersWait:
        logger.info("job %s: part %s: left where it stands, another job waits", part.job.pk, part.part.number)
        part.hand_over(left=False)
        call_helpers(part.job)
    except (LeaseLost, Cancelled) as error:
        logger.info("job %s: part %s: %s", part.job.pk, part.part.number, error.message)
    except DATABASE_GONE as error:
        logger.warning("job %s: the database went away (%s)", part.job.pk, type(error).__name__)
        connection.close()
    except PromotionError as error:
        logger.warning("job %s: part %s: %s", part.job.pk, part.part.number, error.message)
        part.hand_over(left=True)
    except Exception as error:
        _log_unexpected(part.job, error)
        part.hand_over(left=True)


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
    for part in parts.uncalled():
        _enqueue_part(part)


def _fence(job: PromotionJob) -> None:
    try:
        replay.fence_abandoned(job)
    except PromotionError as error:
        logger.warning("job %s: not fenced: %s", job.pk, error.message)


def worker_died(job_id: str, attempt: int) -> None:
    """Start a job again at once whose worker process was killed in its `attempt`; called by the worker's parent."""
    if sweep.expire(job_id, attempt):
        enqueue(PromotionJob.objects.get(pk=job_id))


def helper_died(part_id: str, attempt: int) -> None:
    """Let another worker take a part at once whose worker was killed in its `attempt`; called by its parent."""
    if JobPart.objects.filter(pk=part_id, attempts=attempt).hand_over():
        for part in JobPart.objects.to_help_with().filter(pk=part_id):
            _enqueue_part(part)


#: The functions that workers run, and what is done where the process that runs one is killed.
KILLED: dict[str, Callable[[str, int], None]] = {FUNCTION: worker_died, PART_FUNCTION: helper_died}
