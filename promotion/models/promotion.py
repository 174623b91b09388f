"""Promotions: what is to travel from where to where, and how far it has come."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from promotion.models.environment import Environment
from promotion.states import EDITABLE, PromotionState


class PromotionQuerySet(models.QuerySet["Promotion"]):
    """Queries over promotions; `move` is the only way a state changes."""

    def changed(self, promotion_id: int, editor_id: int) -> None:
        """Note that somebody changed what goes out: open plans no longer fit, and the editor may approve none."""
        self.filter(pk=promotion_id).update(changes=F("changes") + 1)
        PromotionEditor.objects.get_or_create(promotion_id=promotion_id, user_id=editor_id)

    def with_environments(self) -> PromotionQuerySet:
        """Load source, target and owner along."""
        return self.select_related("source", "target", "owner")

    def move(self, promotion_id: int, states: frozenset[PromotionState], to: PromotionState | None) -> bool:
        """Set the state to `to`, None leaves it, if it is one of `states` now. Return whether exactly this call did it.

        Where it stays as it is the row is locked all the same, so that nobody moves it before the transaction's end.
        """
        row = self.filter(pk=promotion_id, state__in=states)
        return row.update(state=F("state") if to is None else to) == 1


class Promotion(models.Model):
    """One set of events on its way. `filters` is what `promotion.domain.filters.ExportFilter` reads and writes."""

    title = models.CharField(max_length=200)
    source = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="promotions_from")
    target = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="promotions_to")
    filters = models.JSONField(default=dict)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="promotions")
    state = models.CharField(max_length=20, choices=PromotionState.choices, default=PromotionState.DRAFT)
    changes = models.PositiveBigIntegerField(
        default=0, help_text="Grows with every change of what goes out: a plan remembers which one it was made of."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PromotionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(source=F("target")), name="promotion_source_is_not_target"),
            models.CheckConstraint(condition=Q(state__in=PromotionState.values), name="promotion_state_known"),
            models.CheckConstraint(condition=~Q(title=""), name="promotion_has_a_title"),
        ]
        permissions = [
            ("manage_promotion", "Can create, export, edit and replay promotions"),
            ("approve_promotion", "Can approve a plan"),
            ("curate_event_types", "Can decide which event types travel"),
            ("manage_environments", "Can change environments"),
            ("view_console", "Can read everything but secrets"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        """The page of this promotion."""
        return reverse("promotion:promotion", args=[self.pk])

    @property
    def editable(self) -> bool:
        """Whether people may change its outgoing events now."""
        return self.state in EDITABLE

    def describe(self) -> dict[str, Any]:
        """What the audit trail says of it."""
        return {"title": self.title, "source": self.source.name, "target": self.target.name, "filters": self.filters}


class PromotionEditor(models.Model):
    """Somebody who changed what goes out of a promotion, once is enough: they may not approve it."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="editors")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    first_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["promotion", "user"], name="promotion_editor_once")]

    def __str__(self) -> str:
        return f"{self.user_id} edited {self.promotion_id}"
