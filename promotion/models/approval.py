"""Approvals: what other people said of a plan. Append-only, and bound to the plan's digest."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from promotion.models.plan import Plan
from promotion.states import ApprovalVerdict


class Approval(models.Model):
    """One word about one plan; `digest` is the plan's when it was said, so that it can be about nothing else.

    A trigger refuses changes, another digest than the plan's, and an approval by who asked for the plan, submitted it
    or edited what goes out: no code and no superuser passes it by.
    """

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="approvals")
    digest = models.CharField(max_length=64)
    verdict = models.CharField(max_length=10, choices=ApprovalVerdict.choices)
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="approval_has_a_reason"),
            models.CheckConstraint(condition=Q(verdict__in=ApprovalVerdict.values), name="approval_verdict_known"),
        ]

    def __str__(self) -> str:
        return f"{self.by_id} {self.verdict} {self.digest[:12]}"
