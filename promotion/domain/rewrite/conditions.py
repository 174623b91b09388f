"""What an event must be like for a rule to apply to it, and how that stands in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promotion.domain.rewrite.path import Path
from promotion.domain.rewrite.reader import Reader

NAMED = ("type", "aggregate", "action", "host", "user")


@dataclass(frozen=True, slots=True)
class Among:
    """The event's type, aggregate, action, host or user (`what`) is one of `names`. A type's name may be short."""

    what: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Equals:
    """A value at `path` is one of `values`, which are texts, numbers, true, false or null."""

    path: Path
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """A text at `path` holds a match of the RE2 pattern."""

    path: Path
    pattern: str


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no value at `path`: no such field, item or entry, or null at each."""

    path: Path


@dataclass(frozen=True, slots=True)
class Position:
    """The record is of `partition`, from offset `start` on and before `end`; None is no limit."""

    partition: int | None
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Time:
    """The record's timestamp is `since` or later and before `until`, in ms since the epoch; None is no limit."""

    since: int | None
    until: int | None


Condition = Among | Equals | Matches | Missing | Position | Time


def read_condition(reader: Reader) -> Condition:
    """Return the condition of a JSON object; the reader has the problems."""
    kind = reader.choice("is", (*NAMED, "equals", "matches", "missing", "position", "time"), "missing")
    condition: Condition
    match kind:
        case "equals":
            condition = Equals(reader.path(), reader.scalars("any"))
        case "matches":
            condition = Matches(reader.path(), reader.pattern("pattern")[0])
        case "missing":
            condition = Missing(reader.path())
        case "position":
            condition = _position(reader)
        case "time":
            condition = Time(*_range(reader, "since", "until"))
        case _:
            condition = Among(kind, reader.texts("any"))
    reader.end()
    return condition


def condition_json(condition: Condition) -> dict[str, Any]:
    """Return what `read_condition` reads."""
    match condition:
        case Among():
            return {"is": condition.what, "any": list(condition.names)}
        case Equals():
            return {"is": "equals", "path": str(condition.path), "any": list(condition.values)}
        case Matches():
            return {"is": "matches", "path": str(condition.path), "pattern": condition.pattern}
        case Missing():
            return {"is": "missing", "path": str(condition.path)}
        case Position():
            given = {"partition": condition.partition, "start": condition.start, "end": condition.end}
            return {"is": "position"} | _without_none(given)
        case Time():
            return {"is": "time"} | _without_none({"since": condition.since, "until": condition.until})


def _position(reader: Reader) -> Position:
    partition = reader.number("partition", 2**31 - 1)
    start, end = _range(reader, "start", "end", needed=partition is None)
    return Position(partition, start, end)


def _range(reader: Reader, first: str, last: str, needed: bool = True) -> tuple[int | None, int | None]:
    start, end = reader.number(first), reader.number(last)
    if needed and start is None and end is None:
        reader.problem(f"{first} or {last} is missing.")
    if start is not None and end is not None and start >= end:
        reader.problem(f"the range ends before it starts: {first} is included, {last} is not.")
    return start, end


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
