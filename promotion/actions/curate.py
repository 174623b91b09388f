"""Decide which event types travel: a person, a reason, and every decision kept."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from promotion.actions import audit
from promotion.errors import InvalidInput, NotFound
from promotion.models import EventType, TypeDecision
from promotion.policy import CURATE, Actor, require
from promotion.states import Decision

MAX_REASON_LENGTH = 2_000


def decide(actor: Actor, full_names: Iterable[str], decision: Decision, reason: str) -> int:
    """Decide about every type in `full_names`, all or none, and return about how many something changed.

    The same decision again for another reason, or by somebody else, is recorded; repeated as it stands it is not.
    Raises Refused without the permission, InvalidInput without names or reason, NotFound with all unknown names.
    """
    require(actor, CURATE)
    reason = checked_reason(reason, "decision")
    with transaction.atomic():
        types = locked_types(full_names)
        changed = [each for each in types if _differs(each, actor, decision, reason)]
        for each in changed:
            _decide(actor, each, decision, reason)
    return len(changed)


def checked_reason(reason: str, what: str) -> str:
    """Return the reason for a decision or whatever `what` is called. Raises InvalidInput without one, or a book."""
    reason = reason.strip()
    if not reason:
        raise InvalidInput(f"A {what} needs a reason.", "Say why, for those who read it in a year.")
    if len(reason) > MAX_REASON_LENGTH:
        raise InvalidInput(f"The reason has {len(reason):,} characters; at most {MAX_REASON_LENGTH:,} are kept.")
    return reason


def locked_types(full_names: Iterable[str]) -> list[EventType]:
    """Return the types in the order of names, locked until the transaction ends.

    Raises InvalidInput without names, NotFound with all unknown ones.
    """
    names = set(full_names)
    if not names:
        raise InvalidInput("No event type is named.", "Select at least one.")
    # Always in the order of names: two curators with the same types wait for each other and never deadlock.
    rows = EventType.objects.select_for_update().filter(full_name__in=names).order_by("full_name")
    types = list(rows)
    _refuse_unknown(names - {each.full_name for each in types})
    return types


def _refuse_unknown(names: set[str]) -> None:
    if names:
        raise NotFound(
            f"Unknown event types: {', '.join(sorted(names))}. Nothing was changed.",
            "Names are full names, with the namespace. `manage.py event_types list` shows those there are.",
        )


def _differs(event_type: EventType, actor: Actor, decision: Decision, reason: str) -> bool:
    stands = (event_type.decision, event_type.decided_by_id, event_type.decision_reason)
    return stands != (decision, actor.pk, reason)


def _decide(actor: Actor, event_type: EventType, decision: Decision, reason: str) -> None:
    before = _describe(event_type)
    made = TypeDecision.objects.create(event_type=event_type, decision=decision, reason=reason, decided_by=actor)
    event_type.decision, event_type.decision_reason = decision, reason
    event_type.decided_by, event_type.decided_at = actor, made.decided_at
    event_type.save(update_fields=["decision", "decision_reason", "decided_by", "decided_at"])
    audit.record(actor, "decide", event_type, before=before, after=_describe(event_type), reason=reason)


def _describe(event_type: EventType) -> dict[str, str]:
    return {"decision": str(Decision(event_type.decision).value), "reason": event_type.decision_reason}
