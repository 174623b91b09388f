"""Outgoing events as JSON Lines: a manifest line, then one line an event, in the order of replay.

An event's line holds where it came from (`partition`, `offset`: its identity), what it was when the file was made
(`version`) and its `value` in Avro's JSON encoding. Lines end with U+000A only: U+2028 and their like are content.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.domain.json_text import parse_json
from promotion.domain.limits import DEFAULT_LIMITS
from promotion.errors import InvalidInput

#: What a line holds for people to read, and why a file that says otherwise is wrong.
FIXED = {
    "key": "The key follows from the event's host or user: change those. A file cannot change it.",
    "timestamp": "The timestamp follows from the plan's policy: choose it there. A file cannot change it.",
}
FORMAT = "promotion-console/events"
VERSION = 1


class BadLine(InvalidInput):
    """A line that is no event of this format."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event as a line says it. `type_name`, `version` and `excluded` are None where the line does not say.

    `value` is None in a line without one, which is allowed where the event is to be excluded. `fixed` holds what the
    line says of FIXED, as it says it.
    """

    partition: int
    offset: int
    value: Any
    type_name: str | None = None
    version: int | None = None
    excluded: bool | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The first line of a file: the promotion that it was downloaded from, None where it does not say."""

    promotion: int | None


def manifest(values: Mapping[str, Any]) -> str:
    """Return the first line, with its line end; `values` says what the file is about."""
    return _line({"manifest": {"format": FORMAT, "version": VERSION, **values}})


def event_line(event: EventLine, timestamp: int, key: bytes | None) -> str:
    """Return one event's line, with its line end. `timestamp` and `key` are for people, and cannot be changed."""
    return _line(
        {
            "partition": event.partition,
            "offset": event.offset,
            "timestamp": timestamp,
            "type": event.type_name,
            "key": _key(key),
            "version": event.version,
            "excluded": bool(event.excluded),
            "value": event.value,
        }
    )


def changed_fixed(line: EventLine, timestamp: int, key: bytes | None) -> list[str]:
    """Return what is wrong with the line where it gives the record another `timestamp` or `key` than it has."""
    was = {"key": _key(key), "timestamp": timestamp}
    return [
        problem
        for name, problem in FIXED.items()
        if name in line.fixed and (type(line.fixed[name]), line.fixed[name]) != (type(was[name]), was[name])
    ]


def _key(key: bytes | None) -> str | dict[str, str] | None:
    if key is None:
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(key).decode()}


def _line(value: Mapping[str, Any]) -> str:
    # ASCII only: no reader in between takes U+2028 or U+0085 for the end of a line.
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def numbered(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line without its end) of every line that is not blank. Lines end with U+000A."""
    for number, line in enumerate(stream, start=1):
        stripped = line.strip(b" \t\r\n")
        if stripped:
            yield number, stripped.removeprefix(b"\xef\xbb\xbf") if number == 1 else stripped


def read_line(line: bytes) -> EventLine | Manifest:
    """Return what a line says. Raises BadLine or MalformedJson with what is wrong."""
    value = parse_json(line, DEFAULT_LIMITS)
    if not isinstance(value, dict):
        raise BadLine("The line is not a JSON object.", "Each line holds one event: {...}.")
    if "manifest" in value:
        return _read_manifest(value["manifest"])
    if value.get("value") is None and ("value" in value or value.get("excluded") is not True):
        raise BadLine("'value' is missing.", "It holds the event itself.")
    return EventLine(
        partition=_whole(value, "partition"),
        offset=_whole(value, "offset"),
        value=value.get("value"),
        type_name=_optional(value, "type", str),
        version=_optional(value, "version", int),
        excluded=_optional(value, "excluded", bool),
        fixed={name: value[name] for name in FIXED if name in value},
    )


def _read_manifest(value: object) -> Manifest:
    parts = value if isinstance(value, dict) else {}
    if (parts.get("format"), parts.get("version")) != (FORMAT, VERSION):
        raise BadLine("The manifest names another format.", f"Expected {FORMAT}, version {VERSION}.")
    return Manifest(_optional(parts, "promotion", int))


def _whole(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if type(number) is not int or not 0 <= number < 2**63:
        raise BadLine(f"'{name}' is missing or not a whole number.", "partition and offset say which event it is.")
    return number


def _optional(value: Mapping[str, Any], name: str, kind: type) -> Any:
    found = value.get(name)
    if found is not None and type(found) is not kind:
        raise BadLine(f"'{name}' has the wrong type.", f"Expected {kind.__name__}.")
    return found
