"""Verifications: the target read back after a replay. Each one is kept; a person may ask for another at any time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from promotion.models.replay import Replay
from promotion.states import VerificationVerdict


class Verification(models.Model):
    """What was found between the positions before and after a replay, {partition: offset} each.

    `expected` events were committed by the replay. `expired` ones lie below what retention has left. `foreign` records
    are other people's and no fault. `faults` are the first of what is wrong:
    [{"kind", "ordinal", "source", "target", "what"}].
    """

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="verifications")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    verdict = models.CharField(max_length=10, choices=VerificationVerdict.choices)
    starts = models.JSONField(default=dict)
    ends = models.JSONField(default=dict)
    expected = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    duplicated = models.PositiveIntegerField(default=0)
    reordered = models.PositiveIntegerField(default=0)
    altered = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)
    foreign = models.BigIntegerField(default=0)
    arrived_prefix = models.PositiveIntegerField(
        default=0, help_text="The first ordinal that was not found: everything below arrived."
    )
    arrived_beyond = models.PositiveIntegerField(default=0, help_text="Steps found at or above that ordinal.")
    faults = models.JSONField(default=list)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=VerificationVerdict.values), name="verification_verdict_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.replay_id} {self.verdict}"


class Reconciliation(models.Model):
    """A person's word, with the evidence, on how much of a replay has arrived whose marker Kafka has lost."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="reconciliations")
    evidence = models.ForeignKey(Verification, on_delete=models.PROTECT, related_name="+")
    committed = models.PositiveIntegerField()
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    last_attempt = models.PositiveIntegerField(
        help_text="The number of attempts there were: it says nothing of later ones."
    )

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="reconciliation_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.replay_id} up to {self.committed}"
