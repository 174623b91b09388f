"""What workers run, and the only place that enqueues. A job in the queue is an id; its row says everything else."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from django.db import connection

from promotion import entries, helping
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
from promotion.actions.part_lease import claim_to_help
from promotion.errors import LeaseLost, PromotionError, Unreachable
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
    JobKind.VERIFY: lambda lease: verify.run(lease, call_helpers),
    JobKind.UPLOAD: compare.run,
    JobKind.CHECK_ENVIRONMENT: check_environment.run,
}
#: Those that are divided into parts, and what does parts of one.
HELPERS: dict[JobKind, helping.Opener] = {
    JobKind.EXPORT: export.helping,
    JobKind.REFRESH: export.helping,
    JobKind.VERIFY: verify.helping,
}
QUICK = {JobKind.CHECK_ENVIRONMENT}


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
    except helping.DATABASE_GONE as error:
        # Not the job's fault, and nothing that could be written down now. The sweep starts it again where it stood.
        logger.warning("job %s: the database went away (%s)", lease.job.pk, type(error).__name__)
        connection.close()
    except Exception as error:
        helping.log_unexpected(lease.job, error)
        finish.stop(
            lease,
            PromotionError(
                f"Unexpected error in the worker: {type(error).__name__}.",
                f"The worker's log says where, under job {lease.job.pk}. Nothing was lost; it can be started again.",
            ),
        )
    else:
        done = JobPart.objects.filter(job=lease.job.pk, number__gt=0).values_list("pk", flat=True)
        entries.withdraw("parts", set(done))
        finish.succeed(lease)
        _follow_up(lease.job)


def run_part(part_id: str) -> None:
    """Claim a part of a job and do it, then others of that job. Does nothing where there is nothing to do."""
    part = claim_to_help(uuid.UUID(part_id))
    if part is None:
        logger.info("part %s: held by another worker, done, or its job has ended", part_id)
        return
    with audit.origin(audit.WORKER):
        if helping.help_with(part, HELPERS[JobKind(part.job.kind)]):
            call_helpers(part.job)


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
    """Let another worker take a part at once whose worker was killed; called by that one's parent.

    The worker began with the part `part_id`, in its `attempt`.
    """
    part = JobPart.objects.filter(pk=part_id, attempts=attempt, own=False).first()
    # It may have done that one, and have been at another.
    if part and JobPart.objects.filter(job=part.job_id, lease_token=part.lease_token).hand_over():
        call_helpers(part.job)


#: The functions that workers run, and what is done where the process that runs one is killed.
KILLED: dict[str, Callable[[str, int], None]] = {FUNCTION: worker_died, PART_FUNCTION: helper_died}
