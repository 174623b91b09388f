"""EventId inside an Avro body: read alone, and changed without touching any other byte.

EventId is the first field of every event of Light Portal, so nothing behind it has to be decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from promotion.domain.decoders import GAVE_UP
from promotion.domain.encode import zigzag
from promotion.domain.event_id import FIELD
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.schema import Schema
from promotion.domain.walk import Fault, Walker
from promotion.domain.wire import MalformedValue

_NUMBERS = ("int", "long")


class Spans(NamedTuple):
    """Where EventId's numbers stand in a body, as (first byte, byte behind); None where it has no such number."""

    nonce: tuple[int, int] | None = None
    timestamp: tuple[int, int] | None = None


def read_event_id(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Mapping[str, Any]:
    """Return `{"EventId": {...}}` of an event, and what stands before it; nothing behind it is looked at.

    Empty where the schema has no such field. Raises MalformedValue.
    """
    if limits is DEFAULT_LIMITS:
        try:
            head: Mapping[str, Any] = schema.decoders.head(body)
            return head
        except GAVE_UP:
            pass
    if len(body) > limits.max_value_bytes or schema.root.kind != "record":
        raise MalformedValue("the value is too large, or no record")
    walker, tree = Walker(body, limits), {}
    if not any(item.name == FIELD for item in schema.root.fields):
        return {}
    try:
        for item in schema.root.fields:
            tree[item.name] = walker.read(item.type, 1)
            if item.name == FIELD:
                break
    except Fault as fault:
        raise fault.malformed() from None
    return tree


def spans(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Spans:
    """Return where EventId's nonce and timestamp stand in `body`. Raises MalformedValue."""
    if limits is DEFAULT_LIMITS:
        try:
            return Spans(*schema.decoders.spans(body))
        except GAVE_UP:
            pass
    walker = Walker(body, limits)
    try:
        for item in schema.root.fields:
            if item.name == FIELD and item.type.kind == "record":
                return _inside(walker, item.type)
            walker.read(item.type, 1)
    except Fault as fault:
        raise fault.malformed() from None
    return Spans()


def _inside(walker: Walker, event_id: Any) -> Spans:
    found: dict[str, tuple[int, int]] = {}
    for item in event_id.fields:
        start = walker.pos
        walker.read(item.type, 2)
        if item.name in ("nonce", "timestamp") and item.type.kind in _NUMBERS:
            found[item.name] = (start, walker.pos)
    return Spans(found.get("nonce"), found.get("timestamp"))


def patched(body: bytes, where: Spans, nonce: int | None = None, timestamp: int | None = None) -> bytes:
    """Return `body` with EventId's nonce and timestamp set, where given and where it has them; all else as it is."""
    changes = []
    if nonce is not None and where.nonce is not None:
        changes.append((where.nonce, zigzag(nonce)))
    if timestamp is not None and where.timestamp is not None:
        changes.append((where.timestamp, zigzag(timestamp)))
    for (begin, end), number in sorted(changes, reverse=True):  # from behind: the places before stay what they are
        body = body[:begin] + number + body[end:]
    return body
