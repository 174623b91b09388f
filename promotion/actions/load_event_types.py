"""Load the catalogue: one `.avsc` a type. Proposals and schemas follow the files, decisions stay as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import transaction

from promotion.actions import audit
from promotion.actions.meet_types import describe
from promotion.actions.schemas import store_schemas
from promotion.actions.sensitive_proposals import backfill, proposals
from promotion.domain.key_fields import TypeSchema, propose
from promotion.domain.names import split_name
from promotion.domain.schema import Schema, parse
from promotion.errors import InvalidInput
from promotion.models import EventType, Installation

Row = dict[str, Any]


def load(directory: Path) -> dict[str, int]:
    """Fill the table from `directory` and return how many types were `added`, `changed`, `unchanged`, `removed`.

    Loading again changes nothing. A type whose file is gone is `removed` from the catalogue, and keeps its row.
    Raises InvalidInput with every file that cannot be used; nothing is written then.
    """
    schemas = read_directory(directory)
    stored = store_schemas(schemas)
    key_fields, sensitive = _key_fields(schemas), proposals(row.full_name for row in stored)
    wanted = {
        row.full_name: describe(row.full_name, row, in_catalogue=True)
        | {"proposed_key_fields": key_fields[row.full_name], "proposed_sensitive_fields": sensitive[row.full_name]}
        for row in stored
    }
    with transaction.atomic():
        # One load at a time; exports that meet types meanwhile are no trouble to the upsert.
        installation = Installation.objects.select_for_update().get()
        present = {each.full_name: each for each in EventType.objects.select_related("schema")}
        counts, differing = _compare(wanted, present)
        _write({name: wanted[name] for name in differing})
        gone = EventType.objects.filter(in_catalogue=True).exclude(full_name__in=wanted)
        counts["removed"] = gone.update(in_catalogue=False)
        backfill(wanted)
        if counts["added"] or counts["changed"] or counts["removed"]:
            audit.record(None, "load event types", installation, after=counts)
    return counts


def read_directory(directory: Path) -> list[Schema]:
    """Return the schemas of the `.avsc` files in `directory`. Raises InvalidInput with every file that is wrong."""
    paths = sorted(directory.glob("*.avsc"))
    if not paths:
        raise InvalidInput(f"There is no .avsc file in {directory}.", "PROMOTION_SCHEMAS_DIR names the directory.")
    schemas, problems = [], []
    for path in paths:
        try:
            schemas.append(_schema(path))
        except InvalidInput as error:
            problems.append(f"{path.name}: {error.message}")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path.name}: it cannot be read as UTF-8 text ({type(error).__name__}).")
    if problems:
        raise InvalidInput(
            f"{len(problems)} of {len(paths)} schemas in {directory} cannot be loaded: {problems[0]}",
            "Nothing was changed. Mend the files and load again.",
            problems,
        )
    return schemas


def _schema(path: Path) -> Schema:
    schema = parse(path.read_text(encoding="utf-8"))
    if schema.root.kind != "record":
        raise InvalidInput("An event type is a record.")
    if path.name != f"{schema.full_name}.avsc":
        raise InvalidInput(f"It holds {schema.full_name}; the file must be named {schema.full_name}.avsc.")
    return schema


def _key_fields(schemas: Iterable[Schema]) -> dict[str, list[str]]:
    """Return what is proposed as identity, by full name: the types of one aggregate are looked at together."""
    by_aggregate = defaultdict(list)
    for schema in schemas:
        by_aggregate[split_name(schema.full_name).aggregate].append(TypeSchema(schema.full_name, schema))
    proposed: dict[str, list[str]] = {}
    for aggregate, types in by_aggregate.items():
        proposed |= propose(aggregate, types)
    return proposed


def _compare(wanted: dict[str, Row], present: dict[str, EventType]) -> tuple[dict[str, int], list[str]]:
    added = [name for name in wanted if name not in present]
    changed = [name for name, row in wanted.items() if name in present and _differs(present[name], row)]
    unchanged = len(wanted) - len(added) - len(changed)
    return {"added": len(added), "changed": len(changed), "unchanged": unchanged}, added + changed


def _differs(event_type: EventType, row: Row) -> bool:
    return any(getattr(event_type, field) != value for field, value in row.items())


def _write(rows: dict[str, Row]) -> None:
    if rows:
        EventType.objects.bulk_create(
            [EventType(full_name=name, **rows[name]) for name in sorted(rows)],
            update_conflicts=True,
            unique_fields=["full_name"],
            update_fields=list(next(iter(rows.values()))),
        )
