"""Keep Avro schemas: each text once, by its SHA-256, however many workers meet it at the same moment."""

from __future__ import annotations

from collections.abc import Iterable

from promotion.actions.sensitive_proposals import widen
from promotion.domain.schema import Schema, parse
from promotion.errors import InvalidInput
from promotion.models import AvroSchema

MAX_NAME_LENGTH = 500


def store_schema(text: str) -> AvroSchema:
    """Return the row of the schema `text` (JSON), made where it is not there yet.

    Raises MalformedSchema, or InvalidInput where its name is longer than 500 characters. Call it outside a longer
    transaction: whoever stores the same text meanwhile waits for the end of it.
    """
    return store_schemas([parse(text)])[0]


def store_schemas(schemas: Iterable[Schema]) -> list[AvroSchema]:
    """Return the rows of parsed `schemas` in their order, in at most three queries."""
    wanted = list(schemas)
    rows = _rows(wanted)
    # In one order everywhere, so that two writers wait for each other instead of deadlocking.
    missing = {schema.sha256: _new(schema) for schema in wanted if schema.sha256 not in rows}
    if missing:
        AvroSchema.objects.bulk_create([missing[key] for key in sorted(missing)], ignore_conflicts=True)
        rows = _rows(wanted)
        widen(schema for schema in wanted if schema.sha256 in missing)
    return [rows[schema.sha256] for schema in wanted]


def _rows(schemas: list[Schema]) -> dict[str, AvroSchema]:
    return AvroSchema.objects.in_bulk({schema.sha256 for schema in schemas}, field_name="sha256")


def _new(schema: Schema) -> AvroSchema:
    if len(schema.full_name) > MAX_NAME_LENGTH:
        raise InvalidInput(f"The schema's name is longer than {MAX_NAME_LENGTH} characters.")
    return AvroSchema(
        sha256=schema.sha256, full_name=schema.full_name, fingerprint=schema.fingerprint, text=schema.text
    )
