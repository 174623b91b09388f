"""What waits for approval: for whom, and whose requests they are."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from promotion.actions.approval_rule import standing
from promotion.models import Plan, PromotionEditor
from promotion.models.plan import PlanQuerySet
from promotion.policy import APPROVE, Actor, may
from promotion.states import PlanState


def waiting_for(actor: Actor) -> list[Plan]:
    """Return the plans that `actor` may approve and has not, those that wait longest first."""
    if not may(actor, APPROVE):
        return []
    edited = PromotionEditor.objects.filter(promotion=OuterRef("promotion"), user=actor)
    rows = _submitted().exclude(_asked_by(actor)).filter(~Exists(edited))
    return [plan for plan in rows if all(word.by_id != actor.pk for word in standing(plan))]


def waiting_for_others(actor: Actor) -> list[Plan]:
    """Return the plans that wait, but not for `actor`."""
    mine = {plan.pk for plan in waiting_for(actor)}
    return [plan for plan in _submitted() if plan.pk not in mine]


def requests_of(actor: Actor) -> list[Plan]:
    """Return the waiting plans that `actor` asked for: they made or submitted them, or own the promotion."""
    return list(_submitted().filter(_asked_by(actor)))


def _submitted() -> PlanQuerySet:
    """Nobody can approve a plan whose time is over, so none of them waits."""
    rows = Plan.objects.filter(state=PlanState.SUBMITTED, expires_at__gt=timezone.now()).order_by("submitted_at")
    related = ("promotion__source", "promotion__target", "promotion__owner", "created_by", "submitted_by")
    return rows.select_related(*related).prefetch_related("approvals")


def _asked_by(actor: Actor) -> Q:
    return Q(created_by=actor) | Q(submitted_by=actor) | Q(promotion__owner=actor)
