"""An EventId for events of the newer tools, which say in the CloudEvent's attributes what Avro says inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promotion.domain.event_id import FIELD
from promotion.domain.files.cloud_events import number
from promotion.domain.files.items import FileEvent
from promotion.domain.schema import Schema


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
