"""Find jobs whose worker died and jobs that the queue lost, so that they are enqueued again."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from promotion.actions import verify
from promotion.actions.finish import give_up
from promotion.errors import PromotionError
from promotion.models import PromotionJob
from promotion.states import JobState

logger = logging.getLogger(__name__)

#: A job that kills its worker this often is not tried again: something about it kills workers.
MAX_ATTEMPTS = 50


def sweep() -> list[PromotionJob]:
    """Return the jobs that have to be enqueued: abandoned by their worker, queued and not picked up, never made.

    Enqueuing a job that is still in the queue does nothing (its id is the job's), and a job that runs cannot be
    claimed twice, so returning one too many is harmless.
    """
    lost = timedelta(seconds=settings.SWEEP_SECONDS)
    found = [*PromotionJob.objects.abandoned(), *PromotionJob.objects.forgotten(lost)]
    proofs = [verify.follow_up(replay) for replay in verify.unproven()]
    return [job for job in found if not _hopeless(job)] + [job for job in proofs if job is not None]


def expire(job_id: str, attempt: int) -> bool:
    """End the lease of a job whose worker is known to be dead, so that nobody waits for it to run out.

    `attempt` is the one the dead worker made: a worker that has taken over meanwhile keeps its lease. Return whether
    there was such a lease.
    """
    held = PromotionJob.objects.filter(pk=job_id, state=JobState.RUNNING, attempts=attempt)
    return held.update(lease_until=timezone.now()) == 1


def _hopeless(job: PromotionJob) -> bool:
    if job.attempts < MAX_ATTEMPTS:
        return False
    with transaction.atomic():
        ended = give_up(
            job,
            PromotionError(
                f"The worker died {job.attempts} times while it did this job.",
                "Look at the workers' log (memory is the usual reason), then start it again.",
            ),
        )
    if ended:
        logger.error("job %s: given up after %s attempts", job.pk, job.attempts)
    return True
