"""Cancel a job: a queued one ends at once, a running one is asked and stops by itself within seconds."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from promotion.actions import audit, notices
from promotion.actions.finish import move_on
from promotion.errors import Refused
from promotion.models import Promotion, PromotionJob
from promotion.policy import MANAGE, Actor, require
from promotion.states import JobState


def cancel(actor: Actor, promotion: Promotion) -> PromotionJob:
    """Ask the active job of `promotion` to stop and return it. Raises Refused where nothing is active."""
    require(actor, MANAGE)
    with transaction.atomic():
        job = PromotionJob.objects.select_for_update().active().filter(promotion=promotion).first()
        if job is None:
            raise Refused(f"Nothing of promotion {promotion.pk} is queued or running.", "There is nothing to cancel.")
        job.cancel_requested_by = actor
        if job.state == JobState.QUEUED:
            _end_unstarted(job)
            notices.job_ended(job)
        job.save()
        audit.record(actor, f"cancel {job.get_kind_display().lower()}", promotion, after={"job": str(job.pk)})
    return job


def _end_unstarted(job: PromotionJob) -> None:
    job.state = JobState.CANCELLED
    job.ended_at = timezone.now()
    job.exit_code = 9
    move_on(job, JobState.CANCELLED)
