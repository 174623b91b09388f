"""CloudEvents 1.0, as Light Portal's newer tools write them: a JSON array, or one a line in earlier files.

What is ours stands in extension attributes (`promotionoffset`, ...), which other tools keep and do not look at.
Integers of CloudEvents have 32 bits: larger numbers are texts, and a reader here takes both.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from promotion.domain.files import objects
from promotion.domain.files.instants import milliseconds
from promotion.domain.files.items import BadEntry, BadLine, FileEvent, Item, Manifest
from promotion.domain.files.splitting import Piece, elements, first_sign, lines, too_long
from promotion.domain.json_text import parse_json
from promotion.errors import InvalidInput

PROMOTION, PARTITION, OFFSET = "promotionid", "promotionpartition", "promotionoffset"
REVISION, EXCLUDED, TIMESTAMP = "promotionversion", "promotionexcluded", "promotiontimestamp"
KEY, KEY_BYTES = "partitionkey", "promotionkey64"
#: The full name of the event's class: `type` is a short name, which is what the newer tools look for.
CLASS = "eventclass"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_JSON_TYPE = re.compile(r"[^/;]+/(?:[^/;]+\+)?json *(?:;.*)?", re.IGNORECASE | re.DOTALL)
_OURS = {PROMOTION, PARTITION, OFFSET, REVISION, EXCLUDED, TIMESTAMP, KEY, KEY_BYTES, "data"}


def read(chunks: Iterable[bytes], editing: bool) -> Iterator[Item]:
    """Yield what the array or the lines say; see reading.read. A Manifest comes before the first of its events."""
    promotion = None
    sign, chunks = first_sign(chunks)
    for piece in elements(chunks) if sign == b"[" else lines(chunks):
        if sign != b"[" and piece.data is not None and piece.data.startswith(b"#"):
            continue
        try:
            entry = _entry(piece)
            found = _event(entry, piece, editing)
            if (says := number(entry, PROMOTION)) not in (None, promotion):
                promotion = says
                yield Manifest(promotion)
            yield found
        except _TooLong:
            yield too_long(piece)
        except InvalidInput as error:
            yield BadEntry(piece.number, piece.line, error.message, error.hint)


class _TooLong(Exception):
    """The piece has no bytes."""


def _entry(piece: Piece) -> dict[str, Any]:
    if piece.data is None:
        raise _TooLong
    entry = parse_json(piece.data)
    if not isinstance(entry, dict):
        raise BadLine("The entry is not a JSON object.", "Each entry holds one CloudEvent: {...}.")
    if entry.get("specversion") != "1.0":
        raise BadLine("'specversion' is not \"1.0\".", "The entry has to be a CloudEvent of version 1.0.")
    return entry


def _event(entry: dict[str, Any], piece: Piece, editing: bool) -> FileEvent:
    excluded = objects.optional(entry, EXCLUDED, bool)
    _check_data(entry, excluded)
    numbers = {name: number(entry, name) for name in (PARTITION, OFFSET)}
    partition, offset = objects.position(numbers, PARTITION, OFFSET)
    fixed = dict(_fixed(entry))
    found = FileEvent(
        number=piece.number,
        value=entry.get("data"),
        type_name=_type_name(entry),
        key=None if editing else objects.read_key(fixed.get("key")),
        timestamp=None if editing else fixed.get("timestamp"),
        partition=partition,
        offset=offset,
        version=number(entry, REVISION),
        excluded=excluded,
        line=piece.line,
        fixed=fixed,
        attributes={name: value for name, value in entry.items() if name not in _OURS and value is not None},
    )
    _check_identity(found)
    return found


def _check_data(entry: Mapping[str, Any], excluded: bool | None) -> None:
    kind = objects.optional(entry, "datacontenttype", str)
    if "data_base64" in entry or (kind is not None and not _JSON_TYPE.fullmatch(kind)):
        raise BadLine("The data is not JSON.", "'data' has to hold the event as JSON, 'data_base64' cannot be read.")
    objects.check_value(entry, "data", excluded)


def _type_name(entry: Mapping[str, Any]) -> str:
    short, full = objects.optional(entry, "type", str), objects.optional(entry, CLASS, str)
    if not short:
        raise BadLine("'type' is missing.", "It says which event it is.")
    if full is None:
        return str(short)
    if short not in (full, full.rpartition(".")[2]):
        raise BadLine(f"'type' and '{CLASS}' name different types.", f"Take '{CLASS}' out, or correct it.")
    return str(full)


def _fixed(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield key and timestamp, where the attributes say them, as our own form of an event has them."""
    if (text := objects.optional(entry, KEY_BYTES, str)) is not None:
        try:
            yield "key", objects.key_value(b64decode(text, validate=True))
        except (NoBase64, ValueError):
            raise BadLine(f"'{KEY_BYTES}' is not base64.") from None
    elif (text := objects.optional(entry, KEY, str)) is not None:
        yield "key", text
    if (exact := number(entry, TIMESTAMP)) is not None:
        yield "timestamp", exact
    elif (time := objects.optional(entry, "time", str)) is not None:
        if (found := milliseconds(time)) is None:
            raise BadLine("'time' is not a time of RFC 3339.", "Write it like 2025-11-13T00:07:40.350Z.")
        yield "timestamp", found


def number(entry: Mapping[str, Any], name: str) -> int | None:
    """Return an attribute that is a whole number, or a text of one; None where it is not there. Raises BadLine."""
    found = entry.get(name)
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = int(found)
    return objects.whole({name: found}, name)


def _check_identity(event: FileEvent) -> None:
    """Raise BadLine where an attribute says another user, host or nonce than the event itself: one of them is meant."""
    for name, inside in identity(event.value).items():
        said = event.attributes.get(name)
        if said is not None and str(said) != str(inside):
            raise BadLine(
                f"'{name}' is not what the event says in 'data'.",
                f"'data' is what counts: change it there, and take '{name}' out or change it too.",
            )


def identity(value: Any) -> dict[str, Any]:
    """Return user, host and nonce as an event's EventId says them, unions tagged or not; empty without an EventId."""
    part = _untagged(value.get("EventId")) if isinstance(value, dict) else None
    if not isinstance(part, dict):
        return {}
    plain = {name: _untagged(each) for name, each in part.items()}
    found = {
        "user": plain["userId"] if "userId" in plain else plain.get("id"),
        "host": _untagged(value.get("hostId")) or plain.get("hostId"),
        "nonce": plain.get("nonce"),
    }
    return {name: each for name, each in found.items() if _is_plain(each)}


def own_id(value: Any) -> str | None:
    """Return EventId.id where it is the event's own: in the later generation, which has a userId beside it."""
    part = _untagged(value.get("EventId")) if isinstance(value, dict) else None
    found = _untagged(part.get("id")) if isinstance(part, dict) and "userId" in part else None
    return found if isinstance(found, str) else None


def _untagged(value: Any) -> Any:
    """Return what a union's value holds where it stands with its branch."""
    if isinstance(value, dict) and len(value) == 1:
        [(name, inside)] = value.items()
        return inside if name in ("string", "long", "int") or "." in name else value
    return value


def _is_plain(value: Any) -> bool:
    return (isinstance(value, str) and value != "") or type(value) is int
