"""Outgoing events as JSON Lines: a manifest line, then one line an event, in the order of replay.

An event's line holds where it came from (`partition`, `offset`: its identity), what it was when the file was made
(`version`) and its `value` in Avro's JSON encoding. Lines end with U+000A only: U+2028 and their like are content.
docs/files.md describes this format and the others, which promotion.domain.files reads and writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.domain.files import objects
from promotion.domain.files.items import BadLine, FileEvent, Manifest
from promotion.domain.files.objects import FIXED, FORMAT, VERSION
from promotion.domain.files.text import compact
from promotion.domain.json_text import parse_json

__all__ = [
    "FIXED",
    "FORMAT",
    "VERSION",
    "BadLine",
    "EventLine",
    "Manifest",
    "changed_fixed",
    "event_line",
    "manifest",
    "numbered",
    "read_line",
]


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


def manifest(values: Mapping[str, Any]) -> str:
    """Return the first line, with its line end; `values` says what the file is about."""
    return compact(objects.manifest_object(values)) + "\n"


def event_line(event: EventLine, timestamp: int, key: bytes | None) -> str:
    """Return one event's line, with its line end. `timestamp` and `key` are for people, and cannot be changed."""
    entry = FileEvent(
        number=0,
        value=event.value,
        type_name=event.type_name,
        key=key,
        timestamp=timestamp,
        partition=event.partition,
        offset=event.offset,
        version=event.version,
        excluded=bool(event.excluded),
    )
    return compact(objects.event_object(entry)) + "\n"


def changed_fixed(line: EventLine, timestamp: int, key: bytes | None) -> list[str]:
    """Return what is wrong with the line where it gives the record another `timestamp` or `key` than it has."""
    return objects.changed_fixed(line.fixed, timestamp, key)


def numbered(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line without its end) of every line that is not blank. Lines end with U+000A."""
    for number, line in enumerate(stream, start=1):
        stripped = line.strip(b" \t\r\n")
        if stripped:
            yield number, stripped.removeprefix(b"\xef\xbb\xbf") if number == 1 else stripped


def read_line(line: bytes) -> EventLine | Manifest:
    """Return what a line says. Raises BadLine or MalformedJson with what is wrong."""
    found = objects.read_object(parse_json(line), 0, 0, editing=True)
    if isinstance(found, Manifest):
        return found
    assert found.partition is not None, "read_object asks for the position when editing"
    assert found.offset is not None, "read_object asks for the position when editing"
    return EventLine(
        partition=found.partition,
        offset=found.offset,
        value=found.value,
        type_name=found.type_name,
        version=found.version,
        excluded=found.excluded,
        fixed=found.fixed,
    )
