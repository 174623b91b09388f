"""What is proposed as sensitive fields of event types: by every schema of a type that was ever met.

A field that only an older generation has is masked too, and a new generation adds its own at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from promotion.domain.schema import MalformedSchema, Schema, parse
from promotion.domain.sensitive_fields import propose
from promotion.models import AvroSchema, EventType

Proposals = dict[str, list[str]]


def proposals(full_names: Iterable[str]) -> Proposals:
    """Return what the kept schemas of these types propose, by full name."""
    found: Proposals = {name: [] for name in full_names}
    rows = AvroSchema.objects.filter(full_name__in=list(found)).order_by("pk")
    for name, text in rows.values_list("full_name", "text").iterator():
        try:
            found[name] = joined(found[name], propose(parse(text)))
        except MalformedSchema:  # kept by an older version of the console
            continue
    return found


def joined(known: list[str], new: Iterable[str]) -> list[str]:
    """Return `known` with what `new` adds to it."""
    return list(dict.fromkeys([*known, *new]))


def widen(schemas: Iterable[Schema]) -> None:
    """Add what new schemas propose to the types of their names; types that nobody knows yet are met later."""
    new = {schema.full_name: propose(schema) for schema in schemas}
    rows = EventType.objects.filter(full_name__in=[name for name, paths in new.items() if paths]).order_by("pk")
    if not rows.exists():
        return
    with transaction.atomic():
        for row in rows.select_for_update():
            wanted = joined(row.proposed_sensitive_fields, new[row.full_name])
            if wanted != row.proposed_sensitive_fields:
                row.proposed_sensitive_fields = wanted
                row.save(update_fields=["proposed_sensitive_fields"])


def backfill(besides: Iterable[str]) -> int:
    """Propose anew for all types but `besides`: those that no file of the catalogue has. Returns how many changed."""
    rows = {row.full_name: row for row in EventType.objects.exclude(full_name__in=list(besides))}
    wanted = proposals(rows)
    changed = [row for name, row in rows.items() if row.proposed_sensitive_fields != wanted[name]]
    for row in changed:
        row.proposed_sensitive_fields = wanted[row.full_name]
    return EventType.objects.bulk_update(changed, ["proposed_sensitive_fields"]) if changed else 0
