"""What a rule does to an event, as plain values. How it stands in JSON is in action_json.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from promotion.domain.rewrite.path import Path


class Otherwise(StrEnum):
    """What becomes of a value that a table does not have."""

    KEEP = "keep"
    INVALID = "invalid"


class Scope(StrEnum):
    """Where the same source value becomes the same UUID: in one promotion, or between two environments for good."""

    PROMOTION = "promotion"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Set:
    """Put a JSON value there, whatever was there. A field that only the target's schema has may be set too."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Replace:
    """Put `new` where the whole value is `old`: a text, a number, true, false or null."""

    path: Path
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Regex:
    r"""In texts, replace every match of an RE2 pattern; `template` has `\1` for its groups."""

    path: Path
    pattern: str
    template: str


@dataclass(frozen=True, slots=True)
class MapValues:
    """Replace texts and enum symbols by a table."""

    path: Path
    table: Mapping[str, str]
    otherwise: Otherwise


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a field another name."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Take a field out of its record, an item out of its array, an entry out of its map."""

    path: Path


@dataclass(frozen=True, slots=True)
class Retype:
    """Make the event one of the type `full_name`."""

    full_name: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Put a new UUID there: the same at every pass, another at every place."""

    path: Path


@dataclass(frozen=True, slots=True)
class MapGenerate:
    """Put a UUID there that depends on the value at `source` alone, or on the one at `path` where that is None."""

    path: Path
    source: Path | None
    scope: Scope


@dataclass(frozen=True, slots=True)
class Shift:
    """Move a timestamp (a long) by so many milliseconds, in the unit of its logical type; ms where it has none."""

    path: Path
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Exclude:
    """Leave the event out."""


@dataclass(frozen=True, slots=True)
class Include:
    """Take the event in."""


@dataclass(frozen=True, slots=True)
class ConvertEventId:
    """Give EventId the generation that the target's schema has."""


Action = (
    Set | Replace | Regex | MapValues | Rename | Drop | Retype | Generate | MapGenerate | Shift | Exclude | Include
    | ConvertEventId
)  # fmt: skip
