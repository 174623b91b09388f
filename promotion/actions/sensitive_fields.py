"""Correct which fields of a type are sensitive; what was proposed stays beside it. Both mask at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from promotion.actions import audit
from promotion.actions.curate import checked_reason, locked_types
from promotion.domain.schema import Schema, parse
from promotion.domain.sensitive_fields import MOST_PATHS, problem_with
from promotion.errors import InvalidInput
from promotion.models import AvroSchema, EventType
from promotion.policy import CURATE, Actor, require


def correct(actor: Actor, full_names: Iterable[str], paths: Sequence[str], reason: str) -> int:
    """Let `paths` be the sensitive fields of every type in `full_names`, all or none; return how many changed.

    `paths` are dotted, `[]` is every item of an array and every value of a map; none means that nothing is masked. A
    path may be of any schema of the type that was met. The same again is not recorded. Raises Refused without the
    permission, NotFound with all unknown names, InvalidInput without names or reason, or with every path that is none.
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


def _checked(paths: Sequence[str]) -> list[str]:
    wanted = [path.strip() for path in paths]
    if len(wanted) > MOST_PATHS:
        raise InvalidInput(f"{len(wanted)} sensitive fields are named; at most {MOST_PATHS} are possible.")
    if len(set(wanted)) < len(wanted):
        raise InvalidInput("A sensitive field is named twice.", "Name each once.")
    return wanted


def _refuse_unfitting(types: Sequence[EventType], paths: Sequence[str]) -> None:
    problems = [
        f"{each.full_name}: {problem}"
        for each in types
        for path in paths
        if (problem := _problem(_schemas(each), path))
    ]
    if problems:
        raise InvalidInput(
            f"These cannot be the sensitive fields: {problems[0]}",
            "Nothing was changed. Name fields of the type, with [] for the items of an array or the values of a map.",
            problems,
        )


def _schemas(event_type: EventType) -> list[Schema]:
    """The schema of the type first: what is wrong with a path is said of that one."""
    rows = AvroSchema.objects.filter(full_name=event_type.full_name).exclude(pk=event_type.schema_id)
    own = AvroSchema.objects.get(pk=event_type.schema_id)
    return [parse(own.text), *(parse(text) for text in rows.values_list("text", flat=True))]


def _problem(schemas: Sequence[Schema], path: str) -> str:
    said = [problem_with(schema, path) for schema in schemas]
    return said[0] if all(said) else ""


def _set(actor: Actor, event_type: EventType, paths: list[str] | None, reason: str) -> bool:
    """Write what a curator made of the proposal, None takes it back; return whether that changed anything."""
    if event_type.sensitive_fields == paths:
        return False
    before = _describe(event_type)
    event_type.sensitive_fields = paths
    event_type.sensitive_fields_by = None if paths is None else actor
    event_type.sensitive_fields_at = None if paths is None else timezone.now()
    event_type.sensitive_fields_reason = "" if paths is None else reason
    event_type.save(update_fields=[f"sensitive_fields{part}" for part in ("", "_by", "_at", "_reason")])
    after = _describe(event_type)
    audit.record(actor, "correct sensitive fields", event_type, before=before, after=after, reason=reason)
    return True


def _describe(event_type: EventType) -> dict[str, Any]:
    return {"sensitive_fields": event_type.masked_fields, "corrected": event_type.sensitive_fields is not None}
