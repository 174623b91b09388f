"""Correct which fields name the thing that events of a type are about; what was proposed stays beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from promotion.actions import audit
from promotion.actions.curate import checked_reason, locked_types
from promotion.domain.key_fields import MOST_PATHS, problem_with
from promotion.domain.schema import parse
from promotion.errors import InvalidInput
from promotion.models import AvroSchema, EventType
from promotion.policy import CURATE, Actor, require


def correct(actor: Actor, full_names: Iterable[str], paths: Sequence[str], reason: str) -> int:
    """Let `paths` be the key fields of every type in `full_names`, all or none; return how many changed.

    `paths` are dotted, `host` is the event's host; none means that events of these types are judged alone. The same
    again is not recorded. Raises Refused without the permission, NotFound with all unknown names, InvalidInput
    without names or reason, or with every path that a type's schema does not have.
    """
    require(actor, CURATE)
    wanted, reason = _checked(paths), checked_reason(reason, "correction")
    with transaction.atomic():
        types = locked_types(full_names)
        _refuse_unfitting(types, wanted)
        return sum(_set(actor, each, wanted, reason) for each in types)


def back_to_proposal(actor: Actor, full_names: Iterable[str], reason: str) -> int:
    """Take the corrections of these types back, so that the proposal counts again. Raises like `correct`."""
    require(actor, CURATE)
    reason = checked_reason(reason, "correction")
    with transaction.atomic():
        return sum(_set(actor, each, None, reason) for each in locked_types(full_names))


def kin_with(full_name: str, paths: Sequence[str]) -> list[str]:
    """Return the full names of all types of the aggregate of `full_name` that have these fields, itself in any case."""
    aggregate = EventType.objects.filter(full_name=full_name).values("aggregate")
    kin = EventType.objects.filter(aggregate__in=aggregate).select_related("schema").order_by("full_name")
    fitting = [each for each in kin if not any(problem_with(parse(each.schema.text), path) for path in paths)]
    return sorted({full_name, *(each.full_name for each in fitting)})


def _checked(paths: Sequence[str]) -> list[str]:
    wanted = [path.strip() for path in paths]
    if len(wanted) > MOST_PATHS:
        raise InvalidInput(f"{len(wanted)} key fields are named; at most {MOST_PATHS} are possible.")
    if len(set(wanted)) < len(wanted):
        raise InvalidInput("A key field is named twice.", "Name each once.")
    return wanted


def _refuse_unfitting(types: Sequence[EventType], paths: Sequence[str]) -> None:
    schemas = AvroSchema.objects.in_bulk([each.schema_id for each in types])
    problems = [
        f"{each.full_name}: {problem}"
        for each in types
        for path in paths
        if (problem := problem_with(parse(schemas[each.schema_id].text), path))
    ]
    if problems:
        raise InvalidInput(
            f"These cannot be the key fields: {problems[0]}",
            "Nothing was changed. Name `host`, or fields that hold one text, whole number or enum.",
            problems,
        )


def _set(actor: Actor, event_type: EventType, paths: list[str] | None, reason: str) -> bool:
    """Write what a curator made of the proposal, None takes it back; return whether that changed anything."""
    if event_type.key_fields == paths:
        return False
    before = _describe(event_type)
    event_type.key_fields = paths
    event_type.key_fields_by = None if paths is None else actor
    event_type.key_fields_at = None if paths is None else timezone.now()
    event_type.key_fields_reason = "" if paths is None else reason
    event_type.save(update_fields=["key_fields", "key_fields_by", "key_fields_at", "key_fields_reason"])
    audit.record(actor, "correct key fields", event_type, before=before, after=_describe(event_type), reason=reason)
    return True


def _describe(event_type: EventType) -> dict[str, Any]:
    return {"key_fields": event_type.identity_fields, "corrected": event_type.key_fields is not None}
