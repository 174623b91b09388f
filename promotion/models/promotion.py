"""Promotions: what is to travel from where to where, and how far it has come."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from promotion.domain.keys import Tenancy
from promotion.errors import Refused
from promotion.models.environment import Environment
from promotion.states import EDITABLE, Approach, Origin, PromotionState


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
    """One set of events on its way. `filters` is what `promotion.domain.filters.ExportFilter` reads and writes.

    Only one whose `origin` is a cluster has a `source`; of the others `source_name` says where the events come from,
    and `source_tenancy` what their keys are, empty where nobody knows. `seed` makes the UUIDs that its rules generate.
    `amends` is the promotion whose events on the target the amendments change.
    """

    title = models.CharField(max_length=200)
    origin = models.CharField(max_length=20, choices=Origin.choices, default=Origin.CLUSTER)
    approach = models.CharField(max_length=20, choices=Approach.choices, default=Approach.EDIT_FIRST)
    source = models.ForeignKey(Environment, null=True, on_delete=models.PROTECT, related_name="promotions_from")
    source_name = models.CharField(max_length=200, blank=True)
    source_tenancy = models.CharField(max_length=10, blank=True)
    amends = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="amendments")
    seed = models.UUIDField(default=uuid.uuid4, editable=False)
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
            models.CheckConstraint(
                condition=Q(source__isnull=True) | ~Q(source=F("target")), name="promotion_source_is_not_target"
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.CLUSTER, source__isnull=False)
                | (Q(origin__in=[Origin.FILE, Origin.AMENDMENTS], source__isnull=True) & ~Q(source_name="")),
                name="promotion_has_a_source",
            ),
            models.CheckConstraint(
                condition=Q(amends__isnull=False, origin=Origin.AMENDMENTS)
                | (Q(amends__isnull=True) & ~Q(origin=Origin.AMENDMENTS)),
                name="promotion_amends_where_it_says_so",
            ),
            models.CheckConstraint(condition=Q(approach__in=Approach.values), name="promotion_approach_known"),
            models.CheckConstraint(condition=Q(state__in=PromotionState.values), name="promotion_state_known"),
            models.CheckConstraint(condition=~Q(title=""), name="promotion_has_a_title"),
        ]
        permissions = [
            ("manage_promotion", "Can create, export, edit and replay promotions"),
            ("approve_promotion", "Can approve a plan"),
            ("curate_event_types", "Can decide which event types travel"),
            ("manage_environments", "Can change environments"),
            ("view_console", "Can read everything but secrets"),
            ("see_sensitive", "Can see the values of sensitive fields"),
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

    @property
    def cluster_source(self) -> Environment:
        """The environment that its events are read from. Raises Refused where they come from elsewhere."""
        if self.source is None:
            raise Refused(
                f"The events of promotion {self.pk} come from {self.get_origin_display()}: there is no topic to read."
            )
        return self.source

    @property
    def source_label(self) -> str:
        """What its source is called: the environment, the file, or the target whose events are amended."""
        return self.source.name if self.source is not None else self.source_name

    @property
    def tenancy(self) -> Tenancy | None:
        """What the keys of its events are, None where nobody knows."""
        said = self.source.tenancy if self.source is not None else self.source_tenancy
        return Tenancy(said) if said else None

    def describe(self) -> dict[str, Any]:
        """What the audit trail says of it."""
        said = {"title": self.title, "source": self.source_label, "target": self.target.name, "filters": self.filters}
        return said | {name: value for name, value in (("origin", self.origin), ("approach", self.approach))
                       if value not in (Origin.CLUSTER, Approach.EDIT_FIRST)}  # fmt: skip


class PromotionEditor(models.Model):
    """Somebody who changed what goes out of a promotion, once is enough: they may not approve it."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="editors")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    first_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["promotion", "user"], name="promotion_editor_once")]

    def __str__(self) -> str:
        return f"{self.user_id} edited {self.promotion_id}"
