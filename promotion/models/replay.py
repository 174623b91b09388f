"""Replays of a plan, their attempts (append-only), and the receipt of every record that arrived."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from promotion.models.plan import Plan
from promotion.states import AttemptOutcome


class Replay(models.Model):
    """One replay of one plan. `committed` is only a cache of the marker that Kafka commits with the records."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan = models.OneToOneField(Plan, on_delete=models.CASCADE, related_name="replay")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    committed = models.PositiveIntegerField(default=0)
    marked_at = models.DateTimeField(
        null=True, help_text="Since when Kafka has a marker of it. None: not one record was ever produced."
    )
    before = models.JSONField(
        default=dict, help_text="The target's end by partition before the first attempt: nothing of it lies below."
    )
    after = models.JSONField(
        default=dict, help_text="The target's end by partition after the last commit: nothing of it lies above."
    )

    def __str__(self) -> str:
        return f"replay {self.pk}"


class ReplayAttempt(models.Model):
    """One transaction that was tried: from `first_ordinal` on. Its outcome is read from the marker, never guessed."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    first_ordinal = models.PositiveIntegerField(default=0)
    stop_ordinal = models.PositiveIntegerField(default=0, help_text="The first ordinal behind those it was to produce.")
    outcome = models.CharField(max_length=10, choices=AttemptOutcome.choices, default=AttemptOutcome.OPEN)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    produced = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["replay", "number"], name="replay_attempt_number_once"),
            models.UniqueConstraint(
                fields=["replay"], condition=Q(outcome=AttemptOutcome.OPEN), name="replay_one_open_attempt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.replay_id} attempt {self.number}"


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    """Queries over receipts."""

    def committed(self) -> ReceiptQuerySet:
        """Only those of attempts that committed: the others name offsets of aborted records."""
        return self.filter(attempt__outcome=AttemptOutcome.COMMITTED)


class Receipt(models.Model):
    """Where one step of the plan stands on the target, as the broker acknowledged it in one attempt."""

    pk = models.CompositePrimaryKey("attempt_id", "ordinal")
    # No index of its own: as for PlanStep.
    attempt = models.ForeignKey(ReplayAttempt, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    ordinal = models.PositiveIntegerField()
    partition = models.PositiveIntegerField()
    offset = models.BigIntegerField()

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        ordering = ["ordinal"]

    def __str__(self) -> str:
        return f"{self.ordinal} -> {self.partition}:{self.offset}"
