"""Actions in JSON, both ways: `{"do": "replace", "path": "**.hostId", "from": "a", "to": "b"}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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
from promotion.domain.rewrite.path import Path, Step
from promotion.domain.rewrite.pattern import InvalidPattern, Template
from promotion.domain.rewrite.reader import Reader

MAX_ENTRIES = 10_000
MAX_TABLE_CHARACTERS = 2_000_000
_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_DURATION = re.compile(r"([+-]?)([0-9]{1,15})(d|h|m|s|ms)")
_MAX_SHIFT = 1_000 * 366 * 86_400_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def read_action(reader: Reader) -> Action:
    """Return the action of a JSON object; the reader has the problems."""
    action = _READERS[reader.choice("do", tuple(_READERS), "exclude")](reader)
    reader.end()
    return action


def action_json(action: Action) -> dict[str, Any]:
    """Return what `read_action` reads."""
    match action:
        case Set():
            return {"do": "set", "path": str(action.path), "value": action.value}
        case Replace():
            return {"do": "replace", "path": str(action.path), "from": action.old, "to": action.new}
        case Regex():
            return {"do": "regex", "path": str(action.path), "pattern": action.pattern, "to": action.template}
        case MapValues():
            table = {"table": dict(action.table), "otherwise": str(action.otherwise)}
            return {"do": "map", "path": str(action.path)} | table
        case Rename():
            return {"do": "rename", "path": str(action.path), "to": action.name}
        case Drop():
            return {"do": "drop", "path": str(action.path)}
        case Retype():
            return {"do": "retype", "to": action.full_name}
        case Generate():
            return {"do": "generate", "path": str(action.path)}
        case MapGenerate():
            source = {} if action.source is None else {"source": str(action.source)}
            return {"do": "map_generate", "path": str(action.path)} | source | {"scope": str(action.scope)}
        case Shift():
            return {"do": "shift", "path": str(action.path), "by": duration_text(action.milliseconds)}
        case Exclude():
            return {"do": "exclude"}
        case Include():
            return {"do": "include"}
        case ConvertEventId():
            return {"do": "event_id"}


def duration_text(milliseconds: int) -> str:
    """Return a duration as people write it, in the largest unit that fits: `-36h`, `90s`."""
    unit = next(unit for unit, size in _UNITS.items() if milliseconds % size == 0)
    return f"{milliseconds // _UNITS[unit]}{unit}"


def _set(reader: Reader) -> Set:
    return Set(_one_field(reader), reader.value("value"))


def _replace(reader: Reader) -> Replace:
    replace = Replace(reader.path(), reader.scalar("from"), reader.value("to"))
    if type(replace.old) is type(replace.new) and replace.old == replace.new and replace.old is not None:
        reader.problem("from and to are the same.")
    return replace


def _regex(reader: Reader) -> Regex:
    path, (pattern, groups) = reader.path(), reader.pattern("pattern")
    template = reader.value("to")
    if not isinstance(template, str):
        reader.problem("to: a text is expected.")
        return Regex(path, pattern, "")
    try:
        Template(template, groups)
    except InvalidPattern as error:
        reader.problem(f"to: {error}")
    return Regex(path, pattern, template)


def _map(reader: Reader) -> MapValues:
    path, otherwise = reader.path(), Otherwise(reader.choice("otherwise", list(Otherwise), Otherwise.KEEP))
    return MapValues(path, reader.table("table", MAX_ENTRIES, MAX_TABLE_CHARACTERS), otherwise)


def _rename(reader: Reader) -> Rename:
    path, name = _structural_path(reader), reader.text("to", 255)
    if name and not _NAME.fullmatch(name):
        reader.problem("to: a field's name has letters, digits and underscores, and begins with no digit.")
    if path.parts and not path.field:
        reader.problem("path: only a field has a name.")
    if name and path.field == name:
        reader.problem("the field has this name already.")
    return Rename(path, name)


def _drop(reader: Reader) -> Drop:
    return Drop(_structural_path(reader))


def _retype(reader: Reader) -> Retype:
    name = reader.text("to", 512)
    if name and not _FULL_NAME.fullmatch(name):
        reader.problem("to: the full name of a type is expected, with its namespace.")
    return Retype(name)


def _generate(reader: Reader) -> Generate:
    return Generate(_one_field(reader))


def _map_generate(reader: Reader) -> MapGenerate:
    path, source = _one_field(reader), reader.path("source") if reader.has("source") else None
    if source is not None and source.every_text:
        reader.problem("source: ** is no source, name a field.")
    return MapGenerate(path, source, Scope(reader.choice("scope", list(Scope), Scope.PROMOTION)))


def _shift(reader: Reader) -> Shift:
    path, text = _one_field(reader), reader.text("by", 20)
    match = _DURATION.fullmatch(text)
    if text and (match is None or int(match[2]) * _UNITS[match[3]] > _MAX_SHIFT):
        reader.problem("by: a duration like 3d, -36h, 15m, 90s or 250ms is expected, of at most 1,000 years.")
    elif match and not int(match[2]):
        reader.problem("by: a shift by nothing changes nothing.")
    elif match:
        return Shift(path, int(match[1] + match[2]) * _UNITS[match[3]])
    return Shift(path, 0)


def _one_field(reader: Reader) -> Path:
    path = reader.path()
    if path.every_text:
        reader.problem("path: ** is every text of the event, name a field: **.hostId.")
    return path


def _structural_path(reader: Reader) -> Path:
    """A path whose records all have the field or none: the schema of the outcome is one for all items."""
    path = _one_field(reader)
    if path.field and any(part.step in (Step.ITEM, Step.ENTRY) for part in path.parts):
        reader.problem("path: a field goes from all items or entries, write [*] or {*}.")
    return path


_READERS: dict[str, Callable[[Reader], Action]] = {
    "set": _set,
    "replace": _replace,
    "regex": _regex,
    "map": _map,
    "rename": _rename,
    "drop": _drop,
    "retype": _retype,
    "generate": _generate,
    "map_generate": _map_generate,
    "shift": _shift,
    "exclude": lambda _reader: Exclude(),
    "include": lambda _reader: Include(),
    "event_id": lambda _reader: ConvertEventId(),
}
