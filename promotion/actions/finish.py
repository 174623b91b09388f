"""End a job: its final state and the promotion's are written together, by the holder of the lease."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from promotion.actions import notices
from promotion.errors import Cancelled, PromotionError, Refused, Stale
from promotion.models import JobPart, Plan, Promotion, PromotionJob, Replay
from promotion.states import ENDS, STARTS, JobKind, JobState, PlanState, PromotionState

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
        case Refused() | Stale():  # found before anything was done
            return JobState.REFUSED
        case _:
            return JobState.FAILED


def _end(job: PromotionJob, state: JobState, error: PromotionError | None = None) -> None:
    values: dict[str, object] = {"state": state, "ended_at": timezone.now(), "lease_until": None, "lease_token": None}
    if error is not None:
        values |= {"error": error.message, "hint": error.hint, "problems": error.problems, "exit_code": error.exit_code}
    PromotionJob.objects.filter(pk=job.pk).update(**values)
    # Waits for whoever writes into a part at this moment; from here on nobody can.
    JobPart.objects.filter(job=job.pk).delete()
    move_on(job, state)
    notices.job_ended(job)


def move_on(job: PromotionJob, state: JobState) -> None:
    """Move the job's promotion to where `state`, the job's final one, leaves it."""
    kind = JobKind(job.kind)
    running = STARTS[kind][1] if job.promotion_id is not None else None
    if job.promotion_id is None or running is None:
        return
    to = ENDS[kind, state]
    if kind == JobKind.REPLAY:
        to = _after_replay(job.promotion_id, to)
    Promotion.objects.move(job.promotion_id, frozenset({running}), to)


def _after_replay(promotion_id: int, to: PromotionState) -> PromotionState:
    """Return where the promotion really stands, and let its plan follow.

    A plan of which nothing has arrived is again what it was before: its approvals stand, since it is the same plan.
    """
    plans = Plan.objects.filter(promotion=promotion_id, state=PlanState.STARTED)
    if to == PromotionState.REPLAY_FAILED and not _was_tried(promotion_id):
        to = PromotionState.EXPORTED  # it failed before anything was sent: everything may be edited and planned anew
    if to == PromotionState.REPLAYED:
        plans.update(state=PlanState.REPLAYED)
    elif to == PromotionState.EXPORTED and _has_arrived(promotion_id):
        return PromotionState.PARTLY_REPLAYED
    elif to == PromotionState.EXPORTED:
        plans.filter(submitted_by__isnull=True).update(state=PlanState.READY)
        plans.filter(submitted_by__isnull=False).update(state=PlanState.APPROVED)
    return to


def _was_tried(promotion_id: int) -> bool:
    """Whether a transaction of the newest replay was begun: until its outcome is read, nobody knows it."""
    replay = Replay.objects.filter(plan__promotion=promotion_id).order_by("-started_at").first()
    return replay is not None and replay.attempts.exists()


def _has_arrived(promotion_id: int) -> bool:
    """Whether the replay in question has committed something: it is no longer as if nothing had happened."""
    replay = Replay.objects.filter(plan__promotion=promotion_id).order_by("-started_at").first()
    return replay is not None and replay.committed > 0
