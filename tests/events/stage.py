"""An exported promotion with events, as an export writes them."""

import itertools
import json
from typing import Any

from promotion.actions.schemas import store_schema
from promotion.domain.decode import read
from promotion.domain.event_id import host_of, user_of
from promotion.domain.json_codec import from_json_value, search_document
from promotion.domain.record import Headers, pack_headers
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import frame
from promotion.models import Event, EventType, Promotion
from promotion.states import Decision, PromotionState
from tests import cast

START = 1_760_000_000_000
LARGE = 2**53 + 1
NAME = "net.lightapi.portal.role.RoleCreatedEvent"
_numbers = itertools.count()

ROLE = json.dumps(
    {
        "type": "record",
        "name": "RoleCreatedEvent",
        "namespace": "net.lightapi.portal.role",
        "fields": [
            {
                "name": "EventId",
                "type": {
                    "type": "record",
                    "name": "EventId",
                    "namespace": "com.networknt.kafka.common",
                    "fields": [
                        {"name": "id", "type": "string", "doc": "Who did it."},
                        {"name": "nonce", "type": "long"},
                    ],
                },
            },
            {"name": "hostId", "type": "string", "doc": "The host that the role belongs to."},
            {"name": "roleId", "type": "string"},
            {"name": "roleDesc", "type": ["null", "string"], "default": None},
        ],
    }
)


def role(**changes: Any) -> dict[str, Any]:
    """The JSON value of an event of the type ROLE."""
    number = next(_numbers)
    value = {
        "EventId": {"id": f"user-{number % 3}", "nonce": LARGE + number},
        "hostId": f"host-{number % 2}",
        "roleId": f"role-{number}",
        "roleDesc": {"string": f"description {number}"},
    }
    return value | changes


def promotion(events: int = 0, state: PromotionState = PromotionState.EXPORTED, **fields: Any) -> Promotion:
    """An exported promotion with `events` events on two partitions."""
    made = cast.promotion(state=state, **fields)
    for _ in range(events):
        event(made)
    return made


def event(
    promotion: Promotion,
    value: dict[str, Any] | None = None,
    schema: Schema | None = None,
    *,
    key: bytes | None = b"host-1",
    headers: Headers = (),
    **fields: Any,
) -> Event:
    """A kept event as an export writes it, by default a role."""
    schema = schema or parse(ROLE)
    return kept(promotion, schema, from_json_value(schema, role() if value is None else value), key, headers, **fields)


def kept(
    promotion: Promotion, schema: Schema, body: bytes, key: bytes | None = None, headers: Headers = (), **fields: Any
) -> Event:
    tree = read(schema, body)
    row = store_schema(schema.text)
    found = EventType.objects.filter(full_name=schema.full_name).first()
    number = promotion.events.count()
    values = {
        "partition": number % 2,
        "offset": number // 2,
        "timestamp": START + number,
        "merge_timestamp": START + number,
        "headers": pack_headers(headers),
        "document": search_document(schema, tree),
        "host": (host_of(tree) or "").replace("\0", "\ufffd"),
        "user": (user_of(tree) or "").replace("\0", "\ufffd"),
        **fields,
    }
    kind = found or cast.event_type(schema.full_name, Decision.PROMOTABLE, schema=row)
    return Event.objects.create(
        promotion=promotion, key=key, value=frame(7, body), event_type=kind, schema=row, **values
    )


def quarantined(promotion: Promotion, value: bytes = b"\0\0\0\0\x2a<script>alert(1)</script>\xff") -> Event:
    """A record that no schema fits."""
    number = promotion.events.count()
    return Event.objects.create(
        promotion=promotion,
        partition=number % 2,
        offset=number // 2,
        timestamp=START + number,
        merge_timestamp=START + number,
        value=value,
        quarantine_reason="The registry has no schema 42.",
    )
