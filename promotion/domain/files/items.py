"""What comes out of a file, whatever its format: events, bad entries, manifests; and the errors that end it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from promotion.errors import InvalidInput

#: One entry, in bytes: an event's JSON is larger than its Avro, and never this large.
MAX_ENTRY = 32 * 1024 * 1024
MAX_LONG = 2**63 - 1


class Format(StrEnum):
    """The formats of docs/files.md."""

    JSONL = "jsonl"
    JSON = "json"
    LINES = "lines"
    CLOUDEVENTS = "cloudevents"

    @property
    def entry(self) -> str:
        """What the numbers of its items count: lines, or the entries of an array."""
        return "line" if self in (Format.JSONL, Format.LINES) else "entry"


class BadFile(InvalidInput):
    """A file that cannot be read on: cut off, not UTF-8, or of another format. The message names the place."""


class BadLine(InvalidInput):
    """An entry that is no event of this format."""


class CannotWrite(InvalidInput):
    """An event that the format has no room for. The message names the event by its position."""


@dataclass(frozen=True, slots=True)
class FileEvent:
    """One event as a file says it. What the file does not say is None.

    `number` counts entries from 1 (in formats of lines it is the line), `line` is where the entry begins.
    `type_name` may be a short name in a file of others: the caller resolves it. `value` is JSON, unions tagged or not;
    it is None where the event is to be excluded and nothing else. `timestamp` is in milliseconds since the epoch.
    `partition` and `offset` are the position that tells an event of an existing promotion, `version` and `excluded`
    what it was when the file was made. `fixed` holds what the file says of `objects.FIXED`, as it says it; a file that
    is read for editing has key and timestamp only there.
    `attributes` are those of a CloudEvent, as they stand: `with_event_id` makes an EventId of them.
    """

    number: int
    value: Any
    type_name: str | None = None
    key: bytes | None = None
    timestamp: int | None = None
    partition: int | None = None
    offset: int | None = None
    version: int | None = None
    excluded: bool | None = None
    line: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """What to call the event in a message: its position, else its number in the file."""
        return f"{self.partition}:{self.offset}" if self.partition is not None else f"number {self.number}"


@dataclass(frozen=True, slots=True)
class BadEntry:
    """An entry that cannot be used: the others can. `number` and `line` as in FileEvent."""

    number: int
    line: int
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.reason} {self.hint}".strip()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file says about itself: the promotion that it was downloaded from, None where it does not say."""

    promotion: int | None


Item = FileEvent | BadEntry | Manifest
