"""What goes out for an event: its current revision's body, else the original's, with the schema it is written in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from promotion.domain.decode import read
from promotion.domain.event_id import acting
from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.record import unpack_headers
from promotion.domain.schema import Schema, parse
from promotion.domain.search_document import search_json
from promotion.domain.wire import header_schema_guid, unframe
from promotion.models import AvroSchema, Event


@dataclass(frozen=True, slots=True)
class Body:
    """An Avro body without a schema id, and the schema that it is written in."""

    schema: Schema
    data: bytes


def original(event: Event) -> Body:
    """Return the body as it was read. The event is a kept one, its `schema` is loaded."""
    assert event.schema is not None, "a quarantined event has no body"
    return Body(parse(event.schema.text), body_of(bytes(event.value), event.headers))


def outgoing(event: Event) -> Body:
    """Return the body that goes out. Loads `revision` and its schema unless `select_related` has."""
    revision = event.revision
    if revision is None or revision.body is None:
        return original(event)
    return Body(parse(revision.schema.text), bytes(revision.body))


def written_in(event: Event) -> AvroSchema:
    """Return the row of the schema that goes out: a rule may have taken the event to the target's."""
    revision = event.revision
    row = event.schema if revision is None or revision.body is None else revision.schema
    assert row is not None, "a quarantined event has no schema"
    return row


def changes(now: Body, data: bytes) -> bool:
    """Return whether `data`, an encoded JSON value, says anything else than `now`.

    Avro allows several encodings of one value (an array in blocks, a NaN): bytes that differ may say the same, and
    then what was read is what goes out.
    """
    return data != now.data and data != from_json_value(now.schema, to_json_value(now.schema, now.data))


def search_columns(body: Body) -> tuple[str, str, str]:
    """Return what an event's `document`, as JSON text, `host` and `user` are for this body."""
    tree = read(body.schema, body.data)
    _, host, user = acting(tree)
    return search_json(body.schema, tree), host.replace("\0", "\ufffd"), user.replace("\0", "\ufffd")


def with_schemas(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events with the schemas that `outgoing` needs. Each is loaded once, however many events share it."""
    rows: dict[int, AvroSchema] = {}
    for event in events:
        if event.schema_id is not None:
            event.schema = _schema(rows, event.schema_id)
        if event.revision is not None:
            event.revision.schema = _schema(rows, event.revision.schema_id)
        yield event


def _schema(rows: dict[int, AvroSchema], pk: int) -> AvroSchema:
    if pk not in rows:
        rows[pk] = AvroSchema.objects.get(pk=pk)
    return rows[pk]


def body_of(value: bytes, headers: str) -> bytes:
    """Return the Avro body of an event's `value` as it was read; `headers` are packed as a column has them."""
    # Where the schema's id came in a header, the value is the body alone.
    if headers and header_schema_guid(unpack_headers(headers)) is not None:
        return value
    return unframe(value)[1]
