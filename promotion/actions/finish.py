"""End a job: its final state and the promotion's are written together, by the holder of the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from promotion.errors import Cancelled, InvalidInput, PromotionError, Refused
from promotion.models import Promotion, PromotionJob
from promotion.states import ENDS, STARTS, JobKind, JobState

if TYPE_CHECKING:
    from promotion.actions.lease import Lease


def succeed(lease: Lease) -> None:
    """Mark the job as succeeded and move its promotion on. Raises LeaseLost."""
    with lease.writing():
        _end(lease.job, JobState.SUCCEEDED)


def stop(lease: Lease, error: PromotionError) -> None:
    """Mark the job as ended by `error` and move its promotion to where that leaves it. Raises LeaseLost."""
    with lease.writing():
        _end(lease.job, _state_for(error), error)


def give_up(job: PromotionJob, error: PromotionError) -> bool:
    """End a job that nobody holds, after too many workers died on it. Return whether this call did it."""
    job = PromotionJob.objects.select_for_update().get(pk=job.pk)
    if not job.active:
        return False
    _end(job, JobState.FAILED, error)
    return True


def _state_for(error: PromotionError) -> JobState:
    match error:
        case Cancelled():
            return JobState.CANCELLED
        case Refused():
            return JobState.REFUSED
        case _:
            return JobState.FAILED


def _end(job: PromotionJob, state: JobState, error: PromotionError | None = None) -> None:
    values: dict[str, object] = {"state": state, "ended_at": timezone.now(), "lease_until": None, "lease_token": None}
    if error is not None:
        values |= {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}
    if isinstance(error, Refused | InvalidInput):
        values["problems"] = error.problems
    PromotionJob.objects.filter(pk=job.pk).update(**values)
    kind = JobKind(job.kind)
    if job.promotion_id is not None:
        Promotion.objects.move(job.promotion_id, frozenset({STARTS[kind][1]}), ENDS[kind, state])
