"""Parts of a job that several workers do at once: rows with a lease each, gone when their job has ended."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from promotion.models.job import PromotionJob
from promotion.states import JobState

#: A part that so many workers took and did not finish is left to the job's own worker.
MOST_HELPERS = 50


class JobPartQuerySet(models.QuerySet["JobPart"]):
    """Queries over parts."""

    def open(self) -> JobPartQuerySet:
        """Those that are not finished."""
        return self.filter(finished=False)

    def free(self, since: timedelta = timedelta()) -> JobPartQuerySet:
        """Open ones that nobody holds, or whose holder has not renewed the lease, for `since` at least."""
        return self.open().filter(lease_until__lt=timezone.now() - since)

    def to_help_with(self, since: timedelta = timedelta()) -> JobPartQuerySet:
        """Free ones that a worker may take which has not taken their job: the first is always the job's own worker's.

        The job's own worker may be dead meanwhile; somebody takes over from it.
        """
        running = Q(job__state=JobState.RUNNING, job__cancel_requested_by__isnull=True)
        return self.free(since).filter(running, number__gt=0, left=False, attempts__lt=MOST_HELPERS)

    def workers(self) -> int:
        """Return how many workers are at open parts at this moment."""
        held = self.open().filter(lease_until__gte=timezone.now(), lease_token__isnull=False)
        return held.order_by().values("lease_token").distinct().count()

    def hand_over(self) -> int:
        """End the leases on open ones, so that nobody waits for them to run out; return how many there were."""
        return self.open().update(lease_until=timezone.now())


class JobPart(models.Model):
    """One part of a running job: `what` says which, as the kind of job understands it; number 0 is the largest.

    Whoever holds `lease_token` may write, `lease_until` is when others may take it over. `own` says that the holder is
    the job's own worker, `left` that another one could not do it and leaves it to that. `outcome` is what a finished
    part has to tell, where that is not written elsewhere. `done`, `total`, `octets` and `positions` are as those of a
    job, which shows their sums.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.ForeignKey(PromotionJob, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    what: models.JSONField[Any, Any] = models.JSONField()
    finished = models.BooleanField(default=False)
    outcome = models.BinaryField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    own = models.BooleanField(default=False)
    left = models.BooleanField(default=False)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    octets = models.BigIntegerField(default=0)
    positions: models.JSONField[Any, Any] = models.JSONField(default=dict)

    objects = JobPartQuerySet.as_manager()

    class Meta:
        ordering = ["job_id", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="job_part_once")]

    def __str__(self) -> str:
        return f"part {self.number} of {self.job_id}"

    def take(self, token: uuid.UUID, until: Any, own: bool) -> None:
        """Write down who holds it from now on; the caller has the row locked and knows that it is free."""
        values = {"lease_token": token, "lease_until": until, "own": own}
        JobPart.objects.filter(pk=self.pk).update(attempts=F("attempts") + 1, **values)
