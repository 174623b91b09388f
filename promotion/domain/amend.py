"""Write the event that amends a thing: the target's values by field name, in the schema of the event that is to go out.

The values are bytes that the target's own records hold, taken over by schema resolution: nothing passes through JSON,
so that no digit and no byte is lost. What the target does not say, and what the schema has no default for, is left to
a person: there the event holds the zero value of its type, and its path is listed.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.domain.avro_type import AvroField, AvroType, canonical_form, logical_types
from promotion.domain.decode import decode
from promotion.domain.encode import Encoder, zigzag
from promotion.domain.event_id import FIELD
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.resolve import Unresolvable, resolve
from promotion.domain.schema import Schema
from promotion.domain.walk import Fault, Walker
from promotion.domain.wire import MalformedValue
from promotion.errors import Refused

_DEEPEST = 16
_ZEROS = {
    "null": b"", "boolean": b"\0", "int": b"\0", "long": b"\0", "float": bytes(4), "double": bytes(8),
    "bytes": b"\0", "string": b"\0", "enum": b"\0", "array": b"\0", "map": b"\0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One field of an event: its type in the schema that it was written with, and its bytes."""

    type: AvroType
    data: bytes


@dataclass(frozen=True, slots=True)
class Author:
    """Whose event the amendment is; None where nobody knows. `timestamp` is in milliseconds since the epoch."""

    user: str | None
    host: str | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """An event's body, and the paths where a person has to supply a value: `roleDesc`, `EventId.userId`."""

    body: bytes
    needs: tuple[str, ...]


def pieces(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, Piece]:
    """Return the fields of an event by name, EventId left out. Raises MalformedValue."""
    walker, found = Walker(body, limits), {}
    if len(body) > limits.max_value_bytes:
        raise MalformedValue(f"the value has more than {limits.max_value_bytes:,} bytes")
    try:
        for item in schema.root.fields:
            start = walker.pos
            walker.read(item.type, 1)
            if item.name != FIELD:
                found[item.name] = Piece(item.type, body[start : walker.pos])
        walker.end()
    except Fault as fault:
        raise fault.malformed() from None
    return found


def propose(schema: Schema, current: Mapping[str, Piece], author: Author) -> Proposal:
    """Return the event of `schema` that says what `current` says. Raises Refused where the schema cannot be filled."""
    out, needs = bytearray(), list[str]()
    for item in schema.root.fields:
        if item.name == FIELD and item.type.kind == "record":
            out += _event_id(item.type, author, needs)
        else:
            out += _field(item, current, author, needs)
    return Proposal(bytes(out), tuple(needs))


def unfilled(schema: Schema, tree: Mapping[str, Any], needs: Sequence[str]) -> list[str]:
    """Return those of `needs` where a decoded event still holds its type's zero value: nobody has filled them in."""
    return [path for path in needs if _is_zero(schema.root, tree, path.split("."))]


def _is_zero(node: AvroType, value: Any, path: Sequence[str]) -> bool:
    for name in path:
        found = next((item.type for item in node.fields if item.name == name), None)
        if found is None or not isinstance(value, Mapping) or name not in value:
            return False  # a rule has taken the event to a schema without it
        node, value = found, value[name]
    wrapped = _only(AvroField("value", node))
    return bool(decode(wrapped, _zero(node, 0)) == {"value": value})


def _event_id(node: AvroType, author: Author, needs: list[str]) -> bytes:
    """EventId in its type's own generation. The nonce is the plan's to continue, so it begins as 0."""
    later = any(item.name == "userId" for item in node.fields)
    known: dict[str, Any] = {
        "id": str(uuid.uuid4()) if later else author.user,
        "userId": author.user,
        "hostId": author.host,
        "nonce": 0,
        "timestamp": author.timestamp,
        "derived": False,
    }
    out = bytearray()
    for item in node.fields:
        out += _or_zero(_written(item, known.get(item.name)), item, f"{FIELD}.{item.name}", needs)
    return bytes(out)


def _field(item: AvroField, current: Mapping[str, Piece], author: Author, needs: list[str]) -> bytes:
    names = [name for name in (item.name, *item.aliases) if name in current]
    found = None
    if names:
        found = _resolved(current[names[0]], item)
    elif item.name == "hostId" and author.host is not None:
        found = _written(item, author.host)
    elif item.has_default:
        found = _default(item)
    return _or_zero(found, item, item.name, needs)


def _resolved(piece: Piece, item: AvroField) -> bytes | None:
    """The piece in the type of `item`; None where that cannot hold it."""
    try:
        return resolve(piece.data, _only(AvroField("value", piece.type)), _only(AvroField("value", item.type)))
    except (Unresolvable, MalformedValue):
        return None


def _written(item: AvroField, value: Any) -> bytes | None:
    return None if value is None else _encoded(lambda encoder: encoder.write(item.type, value, None, 1))


def _encoded(write: Callable[[Encoder], None]) -> bytes | None:
    encoder = Encoder(DEFAULT_LIMITS)
    write(encoder)
    return None if encoder.failures else bytes(encoder.out)


def _or_zero(found: bytes | None, item: AvroField, path: str, needs: list[str]) -> bytes:
    """What was found, else the zero value, and `path` among what a person has to supply."""
    if found is not None:
        return found
    if item.type.kind != "null":
        needs.append(path)
    return _zero(item.type, 0)


def _zero(node: AvroType, depth: int) -> bytes:
    """The value that stands where nobody knows one: null where that is allowed, else nothing, zero, the first."""
    if depth > _DEEPEST:
        raise Refused(
            f"No value can be made up for {node}: it holds itself without an end.", "Choose another action for it."
        )
    match node.kind:
        case "union":
            index = next((n for n, branch in enumerate(node.inner) if branch.kind == "null"), 0)
            return zigzag(index) + _zero(node.inner[index], depth + 1)
        case "record":
            return b"".join(_inner(item, depth + 1) for item in node.fields)
        case "fixed":
            return bytes(node.size)
        case _:
            return _ZEROS[node.kind]


def _inner(item: AvroField, depth: int) -> bytes:
    default = _default(item)
    return _zero(item.type, depth) if default is None else default


def _default(item: AvroField) -> bytes | None:
    return _encoded(lambda encoder: encoder.write_default(item, None, 1)) if item.has_default else None


def _only(item: AvroField) -> Schema:
    """A schema of a record with this one field: its body is the field's bytes."""
    root = AvroType("record", name="value", fields=(item,))
    fingerprint = hashlib.sha256(canonical_form(root).encode()).hexdigest()
    return Schema(
        text="",
        full_name="value",
        sha256=fingerprint,
        fingerprint=fingerprint,
        meaning=logical_types(root),
        fields=(),
        root=root,
    )


def plain(piece: Piece) -> Any:
    """Return a piece's value as `decode` does."""
    return decode(_only(AvroField("value", piece.type)), piece.data)["value"]
