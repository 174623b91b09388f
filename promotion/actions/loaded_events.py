"""Many events as what goes out of them, read without the objects of their models, which take most of such a pass.

Of a download of 30,000 edited events the objects of events, revisions and schemas were 20 of 33 microseconds an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from promotion.actions.outgoing import Body, body_of
from promotion.actions.read_rows import read_rows, stream_rows
from promotion.domain.schema import Schema, parse
from promotion.models import AvroSchema
from promotion.models.event import EventQuerySet

_COLUMNS = (
    "pk", "promotion_id", "partition", "offset", "timestamp", "version", "excluded", "quarantine_reason",
    "event_type_id", "key", "value", "headers", "schema_id", "revision_id", "revision__schema_id", "revision__body",
)  # fmt: skip


class SchemaRows:
    """Schemas by the ids of their rows. Each is loaded once."""

    def __init__(self) -> None:
        self._known: dict[int, Schema] = {}

    def of(self, pk: int) -> Schema:
        """Return the schema of a row."""
        if pk not in self._known:
            self._known[pk] = parse(AvroSchema.objects.values_list("text", flat=True).get(pk=pk))
        return self._known[pk]


@dataclass(frozen=True, slots=True)
class LoadedEvent:
    """What models.Event says, under the same names.

    `revised_as` is the full name of its revision's type, None where there is no revision. `outgoing` is what goes out,
    None in quarantine.
    """

    pk: int
    promotion_id: int
    partition: int
    offset: int
    timestamp: int
    version: int
    excluded: bool
    event_type_id: int | None
    key: bytes | None
    revised_as: str | None
    outgoing: Body | None

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def load(events: EventQuerySet, schemas: SchemaRows, chunk: int | None = None) -> Iterator[LoadedEvent]:
    """Yield `events` in their order; with `chunk` from a cursor on the server, at most so many in memory at a time."""
    rows = events.values_list(*_COLUMNS)
    for row in read_rows(rows) if chunk is None else stream_rows(rows, chunk):
        yield _loaded(row, schemas)


def _loaded(row: tuple[Any, ...], schemas: SchemaRows) -> LoadedEvent:
    (pk, promotion, partition, offset, timestamp, version, excluded, quarantined, event_type, key, value, headers,
     schema, revision, written_in, body) = row  # fmt: skip
    if quarantined:
        outgoing = None
    elif body is not None:
        outgoing = Body(schemas.of(written_in), bytes(body))
    else:
        outgoing = Body(schemas.of(schema), body_of(bytes(value), headers))
    revised_as = None if revision is None else schemas.of(written_in).full_name
    key = None if key is None else bytes(key)
    return LoadedEvent(
        pk, promotion, partition, offset, timestamp, version, excluded, event_type, key, revised_as, outgoing
    )
