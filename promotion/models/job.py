"""Jobs: what a worker is asked to do. The row is the truth, the queue only a way to be woken up."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from promotion.models.environment import EnvironmentDraft
from promotion.models.promotion import Promotion
from promotion.states import ACTIVE_JOB_STATES, JobKind, JobState


class JobQuerySet(models.QuerySet["PromotionJob"]):
    """Queries over jobs."""

    def active(self) -> JobQuerySet:
        """Queued or running."""
        return self.filter(state__in=ACTIVE_JOB_STATES)

    def abandoned(self) -> JobQuerySet:
        """Running, but nobody has renewed the lease in time: the worker is dead or cut off."""
        return self.filter(state=JobState.RUNNING, lease_until__lt=timezone.now())

    def forgotten(self, after: timedelta) -> JobQuerySet:
        """Queued for longer than `after`: the queue may have lost it."""
        return self.filter(state=JobState.QUEUED, queued_at__lt=timezone.now() - after)


class PromotionJob(models.Model):
    """One piece of work for one promotion, or for one environment draft.

    Whoever holds `lease_token` until `lease_until` may write; a lease is taken over by compare-and-set. `done` and
    `total` are what the progress bar shows, in records; `pace` is what its rate is made of. `problems` lists every
    reason of a refusal.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=JobKind.choices)
    promotion = models.ForeignKey(Promotion, null=True, on_delete=models.CASCADE, related_name="jobs")
    draft = models.ForeignKey(EnvironmentDraft, null=True, on_delete=models.CASCADE, related_name="jobs")
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    phase = models.CharField(max_length=100, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    octets = models.BigIntegerField(default=0, help_text="Bytes read or written so far.")
    positions = models.JSONField(
        default=dict, help_text="By partition: [where it started, where it is, where it ends]."
    )
    pace = models.JSONField(default=list, help_text="The last looks at the clock: [ms since the epoch, done].")
    error = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    problems = models.JSONField(default=list)
    exit_code = models.PositiveSmallIntegerField(default=0)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["promotion"],
                condition=Q(state__in=ACTIVE_JOB_STATES),
                name="promotion_one_active_job",
            ),
            models.CheckConstraint(
                condition=Q(promotion__isnull=False) ^ Q(draft__isnull=False), name="job_is_about_one_thing"
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.RUNNING) | Q(lease_token__isnull=False, lease_until__isnull=False),
                name="job_running_has_a_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], condition=Q(state__in=ACTIVE_JOB_STATES), name="job_active")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.state in ACTIVE_JOB_STATES

    @property
    def percent(self) -> int | None:
        """How far it is, 0 to 100; None where the total is not known yet."""
        if not self.total:
            return None
        return min(100, self.done * 100 // self.total)
