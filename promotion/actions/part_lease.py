"""The lease on a part of a job: only its holder writes what belongs to the part, and a dead holder is replaced.

It is all that a worker needs which helps: the end of a job, of whatever kind, takes its parts away in the same
transaction (`finish`), so nobody who holds one can write for a job that does not run any more. Locks are taken in one
order: a job's row, then those of its parts, then what they write. A holder of a part never locks the job's row.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from promotion.actions.hold import Hold, lease_end
from promotion.actions.lease import MOST_PARTITIONS, Lease, Positions
from promotion.domain.pace import INTERVAL_MS
from promotion.errors import LeaseLost
from promotion.models import JobPart, PromotionJob
from promotion.models.job_part import JobPartQuerySet
from promotion.states import JobState


class PartLease(Hold):
    """A claimed part while it is worked on. Use as a context manager; `part` is the row as it was when claimed."""

    def __init__(self, part: JobPart, job: PromotionJob, token: uuid.UUID) -> None:
        super().__init__(job, token)
        self.part = part
        self._told = 0

    def tell(self, done: int, octets: int, positions: Positions) -> None:
        """Say how far the part is, for the sums that people look at; inside `writing`, with what it tells of."""
        values: dict[str, Any] = {"done": done, "octets": octets}
        now = time.monotonic_ns() // 1_000_000
        if now - self._told >= INTERVAL_MS or done >= self.part.total:  # keeps the row small to write
            values["positions"] = {str(p): list(at) for p, at in list(positions.items())[:MOST_PARTITIONS]}
            self._told = now
        self._held().update(**values)

    def finish(self, outcome: bytes | None = None) -> None:
        """Mark the part as done, with what it has to tell. Raises LeaseLost."""
        with self.writing():
            self._held().update(finished=True, outcome=outcome)

    def hand_over(self, *, left: bool) -> None:
        """Let the next one take the part at once; `left` leaves it to the job's own worker, who then says why."""
        self._held().update(lease_until=timezone.now(), lease_token=None, left=left)

    def _held(self) -> QuerySet[JobPart]:
        return JobPart.objects.open().filter(pk=self.part.pk, lease_token=self.token)

    def _loss(self) -> LeaseLost:
        return LeaseLost(
            f"Part {self.part.number} of job {self.job.pk} is held by another worker, or the job has ended."
        )


def claim_to_help(part_id: uuid.UUID) -> PartLease | None:
    """Take a part of somebody else's job; None where it is not to have: it is held or done, or its job has ended."""
    return _claim(JobPart.objects.to_help_with().filter(pk=part_id))


def claim_another(part: PartLease) -> PartLease | None:
    """Take another part of the job that `part` is of, with the same token: they are one helper's. None for none."""
    return _claim(JobPart.objects.to_help_with().filter(job=part.job.pk).order_by("number"), token=part.token)


def claim_own(lease: Lease) -> PartLease | None:
    """Take a part of the job of this worker's own, first what others have left; None where all are held or done."""
    mine = JobPart.objects.free().filter(job=lease.job.pk, job__lease_token=lease.token, job__state=JobState.RUNNING)
    return _claim(mine.order_by("-left", "number"), lease.job)


def _claim(parts: JobPartQuerySet, job: PromotionJob | None = None, token: uuid.UUID | None = None) -> PartLease | None:
    """Take the first of `parts` that nobody else is about to take; `job` is that of the worker's own lease."""
    token = token or uuid.uuid4()
    with transaction.atomic():
        part = parts.select_for_update(skip_locked=True, of=("self",)).first()
        if part is None:
            return None
        part.take(token, lease_end(), own=job is not None)
    jobs = PromotionJob.objects.select_related("promotion", "requested_by")
    return PartLease(part, job or jobs.get(pk=part.job_id), token)
