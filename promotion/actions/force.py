"""Force events in that a plan would leave out or refuse: somebody's word, with a reason, kept for every later plan."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models, transaction

from promotion.actions import audit
from promotion.actions.edit import lock_editable
from promotion.domain.judge import FORCIBLE
from promotion.errors import InvalidInput, Refused
from promotion.models import Judgement, Override, Plan, Promotion
from promotion.policy import Actor
from promotion.states import Verdict

MAX_REASON = 2_000


def force(actor: Actor, plan: Plan, verdict: Verdict, reason: str, event_ids: Sequence[int] | None = None) -> int:
    """Let events that `plan` judged as `verdict` go out all the same, and return how many; None means all of them.

    What goes out has changed then: the plan is stale, a new one takes them along, and whoever forces may not approve.
    Raises InvalidInput without a reason, Refused for a verdict that cannot be passed by and where nothing is edited.
    """
    reason = _checked(reason)
    if verdict.value not in FORCIBLE:
        raise Refused(f"What is {verdict.label.lower()} cannot be sent.", "Edit the event, or exclude it.")
    with transaction.atomic():
        promotion = lock_editable(actor, plan.promotion_id)
        judged = _judged(plan, event_ids).filter(verdict=verdict, forced=False)
        rows = [
            Override(promotion=promotion, event_id=pk, verdict=verdict, reason=reason, author=actor)
            for pk in judged.values_list("event_id", flat=True)
        ]
        before = promotion.overrides.filter(verdict=verdict).count()
        Override.objects.bulk_create(rows, batch_size=5_000, ignore_conflicts=True)
        count = promotion.overrides.filter(verdict=verdict).count() - before
        if count:
            Promotion.objects.changed(promotion.pk, actor.pk)
            after = {"events": count, "verdict": verdict.value, "plan": plan.digest}
            audit.record(actor, "force", promotion, after=after, reason=reason)
    return count


def unforce(actor: Actor, plan: Plan, event_ids: Sequence[int] | None = None) -> int:
    """Take such words back, all of them for None, and return how many there were. Raises Refused as `force` does."""
    with transaction.atomic():
        promotion = lock_editable(actor, plan.promotion_id)
        found = promotion.overrides.all()
        if event_ids is not None:
            found = found.filter(event__in=event_ids)
        count, _ = found.delete()
        if count:
            Promotion.objects.changed(promotion.pk, actor.pk)
            audit.record(actor, "unforce", promotion, after={"events": count})
    return count


def _judged(plan: Plan, event_ids: Sequence[int] | None) -> models.QuerySet[Judgement]:
    judged = plan.judgements.order_by()
    return judged if event_ids is None else judged.filter(event__in=event_ids)


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise InvalidInput("Sending them all the same needs a reason.", "Say why, for those who approve it.")
    if len(reason) > MAX_REASON:
        raise InvalidInput(f"The reason has {len(reason):,} characters; at most {MAX_REASON:,} are kept.")
    return reason
