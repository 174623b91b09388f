"""A rule in one English sentence, for lists. What it holds of people's texts is short, and visible to the last sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from promotion.domain.octets import visible
from promotion.domain.rewrite.action_json import duration_text
from promotion.domain.rewrite.actions import (
    Action,
    ConvertEventId,
    Drop,
    Exclude,
    Generate,
    Include,
    MapGenerate,
    MapValues,
    Otherwise,
    Regex,
    Rename,
    Replace,
    Retype,
    Scope,
    Set,
    Shift,
)
from promotion.domain.rewrite.conditions import Among, Condition, Equals, Matches, Missing, Position, Time
from promotion.domain.rewrite.path import Path
from promotion.domain.rewrite.rule import Rule

MAX_LENGTH = 500
_MAX_VALUE = 60
_MAX_LISTED = 3


def describe(rule: Rule) -> str:
    """Return the sentence: `Where host is dev.example: replace "a" by "b" everywhere in hostId.`"""
    where = " and ".join(_condition(condition) for condition in rule.conditions)
    done = ", then ".join(_action(action) for action in rule.actions)
    sentence = f"Where {where}: {done}." if where else f"In every event: {done}."
    sentence += " It may look into sensitive fields." if rule.sensitive else ""
    return sentence if len(sentence) <= MAX_LENGTH else sentence[: MAX_LENGTH - 1] + "…"


def _condition(condition: Condition) -> str:
    match condition:
        case Among():
            return f"{condition.what} is {_listed([_short(name) for name in condition.names])}"
        case Equals():
            return f"{_at(condition.path)} is {_listed([_value(value) for value in condition.values])}"
        case Matches():
            return f"{_at(condition.path)} matches {_value(condition.pattern)}"
        case Missing():
            return f"{_at(condition.path)} is missing"
        case Position():
            return _position(condition)
        case Time():
            return f"its time is {_range(condition.since, condition.until, _moment)}"


def _action(action: Action) -> str:
    match action:
        case Set():
            return f"set {_at(action.path)} to {_value(action.value)}"
        case Replace():
            return f"replace {_value(action.old)} by {_value(action.new)} {_in(action.path)}"
        case Regex():
            return f"replace what matches {_value(action.pattern)} by {_value(action.template)} {_in(action.path)}"
        case MapValues():
            entries = "one entry" if len(action.table) == 1 else f"{len(action.table):,} entries"
            strict = ", which has to have each" if action.otherwise is Otherwise.INVALID else ""
            return f"map the values {_in(action.path)} by a table of {entries}{strict}"
        case Rename():
            return f"rename {_at(action.path)} to {_short(action.name)}"
        case Drop():
            return f"drop {_at(action.path)}"
        case Retype():
            return f"make it a {_short(action.full_name)}"
        case Generate():
            return f"generate a UUID {_in(action.path)}"
        case MapGenerate():
            return _map_generate(action)
        case Shift():
            way = "forward" if action.milliseconds > 0 else "back"
            return f"shift {_at(action.path)} {way} by {duration_text(abs(action.milliseconds))}"
        case Exclude():
            return "exclude it"
        case Include():
            return "include it"
        case ConvertEventId():
            return "give EventId the target's generation"


def _map_generate(action: MapGenerate) -> str:
    source = "its value" if action.source is None else f"the value of {_at(action.source)}"
    scope = " between the two environments" if action.scope is Scope.PAIR else ""
    return f"map {source} to a UUID, always the same{scope}, {_in(action.path)}"


def _position(condition: Position) -> str:
    parts = [] if condition.partition is None else [f"its partition is {condition.partition}"]
    if condition.start is not None or condition.end is not None:
        parts.append(f"its offset is {_range(condition.start, condition.end, str)}")
    return " and ".join(parts)


def _range(start: int | None, end: int | None, shown: Any) -> str:
    parts = ([] if start is None else [f"{shown(start)} or later"]) + ([] if end is None else [f"before {shown(end)}"])
    return " and ".join(parts)


def _moment(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds").replace("+00:00", " UTC")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def _at(path: Path) -> str:
    if path.every_text:
        return "any text"
    return f"any {path.field}" if path.everywhere else _short(str(path))


def _in(path: Path) -> str:
    if path.every_text:
        return "in every text"
    return f"everywhere in {path.field}" if path.everywhere else f"in {_short(str(path))}"


def _listed(shown: Sequence[str]) -> str:
    if len(shown) > _MAX_LISTED:
        return f"{', '.join(shown[:_MAX_LISTED])} or one of {len(shown) - _MAX_LISTED:,} more"
    return " or ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _value(value: Any) -> str:
    return f'"{_short(value)}"' if isinstance(value, str) else _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    shown = visible(text[: _MAX_VALUE + 1])
    return shown if len(shown) <= _MAX_VALUE else shown[: _MAX_VALUE - 1] + "…"
