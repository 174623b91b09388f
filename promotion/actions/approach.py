"""The two approaches of a promotion: edit first, or replay the originals and amend on the target."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from promotion.actions import audit
from promotion.errors import Refused
from promotion.models import Promotion
from promotion.policy import MANAGE, Actor, require
from promotion.states import Approach, Origin, PromotionState, RevisionKind

#: The approach can be chosen anew until something is on its way.
SWITCHABLE = frozenset({
    PromotionState.DRAFT, PromotionState.EXPORT_FAILED, PromotionState.EXPORT_CANCELLED, PromotionState.IMPORT_FAILED,
    PromotionState.EXPORTED,
})  # fmt: skip


def switch(actor: Actor, promotion: Promotion, approach: Approach) -> Promotion:
    """Let `promotion` go the other way from now on, and return it.

    Raises Refused once it is planned for the target or replayed, where an event was edited by hand and the originals
    are to go first, and for amendments, which are there to be edited.
    """
    require(actor, MANAGE)
    with transaction.atomic():
        locked = Promotion.objects.select_for_update(of=["self"]).get(pk=promotion.pk)
        _check(locked, approach)
        if locked.approach != approach:
            before = locked.approach
            Promotion.objects.filter(pk=locked.pk).update(approach=approach)
            audit.record(actor, "approach", locked, before={"approach": before}, after={"approach": approach.value})
    promotion.refresh_from_db()
    return promotion


def switchable(promotion: Promotion) -> bool:
    """Whether the approach may be chosen anew as far as the promotion's state says."""
    return promotion.origin != Origin.AMENDMENTS and promotion.state in SWITCHABLE


def refuse_values(promotion: Promotion) -> None:
    """Raise Refused where people may not change what the events of `promotion` say: the originals go first."""
    if promotion.approach == Approach.ORIGINALS_FIRST:
        name = promotion.target.name
        raise Refused(
            f"Promotion {promotion.pk} replays the originals first: what its events say is not changed before.",
            f"Exclude what is not to travel, replay the rest, then amend it on {name}. To edit the events before they "
            "go, choose the other approach on the promotion's page.",
        )


def _check(promotion: Promotion, approach: Approach) -> None:
    if not switchable(promotion):
        raise Refused(
            f"Promotion {promotion.pk} is {promotion.get_state_display().lower()}: its approach is settled.",
            "It can be chosen until the events are on their way. Make a new promotion for the other one.",
        )
    edited = _edited(promotion) if approach == Approach.ORIGINALS_FIRST else 0
    if edited:
        raise Refused(
            f"{edited:,} event{' was' if edited == 1 else 's were'} edited by hand: they would not go as originals.",
            "Take them back to the original first: the list of events finds them by their state.",
        )


def _edited(promotion: Promotion) -> int:
    """How many events go out otherwise than they were read, by more than rules that were applied to the original."""
    by_rules = Q(revision__kind=RevisionKind.RULES, revision__parent__isnull=True)
    return promotion.events.filter(revision__isnull=False).exclude(by_rules).count()
