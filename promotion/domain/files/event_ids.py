"""Events of the newer tools: what Avro says inside stands in the CloudEvent's attributes, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promotion.domain.event_id import FIELD
from promotion.domain.files.cloud_events import number
from promotion.domain.files.items import FileEvent
from promotion.domain.schema import Schema

#: What the newer tools write into a CloudEvent's data beside the event.
ENVELOPE = frozenset({"aggregateVersion", "newAggregateVersion"})


def whole_value(schema: Schema, event: FileEvent) -> Any:
    """Return the event's value with its EventId, and without what the newer tools repeat of the attributes in it.

    The version of an aggregate is the target's own business: no event of the schemas has it (docs/files.md).
    Raises BadLine like `with_event_id`.
    """
    value = with_event_id(schema, event)
    if not event.attributes or not isinstance(value, dict) or ENVELOPE.isdisjoint(value):
        return value
    fields = {item.name for item in schema.root.fields}
    return {name: each for name, each in value.items() if name not in ENVELOPE or name in fields}


def with_event_id(schema: Schema, event: FileEvent) -> Any:
    """Return the event's value, with an EventId of its schema's generation where it has none and the schema does.

    In the generation with a userId `id` is the event's own, in the others the user's. What no attribute says is left
    out: the schema's default counts, or the encoder names the field. Raises BadLine for a nonce that is no number.
    """
    fields = next((item.type.fields for item in schema.root.fields if item.name == FIELD), ())
    if not fields or not event.attributes or not isinstance(event.value, dict) or FIELD in event.value:
        return event.value
    known = {item.name for item in fields}
    says = _says(event, later="userId" in known)
    return {FIELD: {name: value for name, value in says.items() if name in known and value is not None}, **event.value}


def _says(event: FileEvent, later: bool) -> Mapping[str, Any]:
    attributes = event.attributes
    return {
        "id": attributes.get("id") if later else attributes.get("user"),
        "userId": attributes.get("user"),
        "hostId": attributes.get("host"),
        "nonce": number(attributes, "nonce"),
        "timestamp": event.timestamp,
    }
