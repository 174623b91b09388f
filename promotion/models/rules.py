"""Rewrite rules: those of a promotion, what each pass of them did, and the sets that are kept for other promotions."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from promotion.models.environment import Environment
from promotion.models.promotion import Promotion


class RuleListQuerySet(models.QuerySet["RuleList"]):
    """Queries over the rules of promotions."""

    def of(self, promotion: Promotion) -> RuleList:
        """Return the rules of `promotion`, made where it has none yet."""
        return self.get_or_create(promotion=promotion)[0]

    def applied(self, promotion_id: int) -> list[dict[str, Any]]:
        """Return the rules whose work is in what goes out now, in their order."""
        found = self.filter(pk=promotion_id).values_list("applied", flat=True).first() or []
        return [each for each in found if each["enabled"]]

    def applied_ids(self, promotion_id: int) -> list[str]:
        """Return the ids of the rules whose work is in what goes out now."""
        return [each["id"] for each in self.applied(promotion_id)]

    def save_draft(self, promotion_id: int, version: int, draft: list[dict[str, Any]] | None) -> bool:
        """Set the draft if it is still the one of `version`. Return whether this did it."""
        return self.filter(pk=promotion_id, version=version).update(draft=draft, version=F("version") + 1) == 1


class RuleList(models.Model):
    """The rules of one promotion in their order: as they were `applied` last, and as somebody is changing them.

    Each is {"id": the rule's, "rule": what domain.rewrite reads, "enabled": bool, "from": {"set", "version"} or null}.
    The id is a rule's for good: UUIDs that it generates follow from it. `draft` is None where nobody changes anything.
    """

    promotion = models.OneToOneField(Promotion, on_delete=models.CASCADE, related_name="rule_list", primary_key=True)
    applied = models.JSONField(default=list)
    applied_at = models.DateTimeField(null=True)
    draft = models.JSONField(null=True)
    version = models.PositiveIntegerField(default=0)

    objects = RuleListQuerySet.as_manager()

    def __str__(self) -> str:
        return f"rules of {self.promotion_id}"


class RulePass(models.Model):
    """One run of a promotion's rules over its events: a preview (`dry`) or the real thing, for good.

    `counts`: events {"seen", "matched", "changed", "restored", "excluded", "included", "invalid", "refused"}, and
    "by_rule": {id: {"matched", "changed"}}. `fields`: [{"path", "events", "values": [{"from", "to", "events"}],
    "more"}] sorted by events. `samples`: [{"event", "at", "type", "changes": [{"path", "from", "to"}]}]. `problems`:
    the same with "problems", for events that would become invalid.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="rule_passes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    dry = models.BooleanField()
    rules = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)
    fields = models.JSONField(default=list)
    samples = models.JSONField(default=list)
    problems = models.JSONField(default=list)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["promotion", "-created_at"], name="rule_pass_newest")]

    def __str__(self) -> str:
        return f"{'preview' if self.dry else 'pass'} {self.pk}"


class RuleSet(models.Model):
    """Rules that are kept under a name and proposed for promotions between two environments; None: for any."""

    name = models.CharField(max_length=100, unique=True)
    source = models.ForeignKey(Environment, null=True, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(Environment, null=True, on_delete=models.PROTECT, related_name="+")
    archived_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="rule_set_has_a_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The page of this set."""
        return reverse("promotion:rule_set", args=[self.pk])


class RuleSetVersion(models.Model):
    """One version of a set, append-only: a promotion says which version it took."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    rules = models.JSONField()
    note = models.CharField(max_length=300, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["rule_set", "number"], name="rule_set_version_once")]

    def __str__(self) -> str:
        return f"{self.rule_set} v{self.number}"


class PairSeed(models.Model):
    """What makes generated UUIDs the same in every promotion between the same two environments."""

    source_name = models.CharField(max_length=200)
    target = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    seed = models.UUIDField(default=uuid.uuid4, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source_name", "target"], name="pair_seed_once")]

    def __str__(self) -> str:
        return f"{self.source_name} to {self.target_id}"
