"""A file of rules, ours or an older importer's: recognised, checked as a whole, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from promotion.domain.json_text import MalformedJson, parse_json
from promotion.domain.limits import Limits
from promotion.domain.octets import visible
from promotion.domain.rewrite.actions import Generate
from promotion.domain.rewrite.older import is_older, older_rules
from promotion.domain.rewrite.reader import InvalidRules, Reader
from promotion.domain.rewrite.rule import Rule, id_of_name, rules_from_json, to_json

MAX_BYTES = 8 * 1024 * 1024
MAX_SET_NAME = 100
_BOM = b"\xef\xbb\xbf"
_FORMAT = "promotion-rules"
_VERSION = 1
_ID_NOTE = (
    "{name}: a new UUID for every field id is generated, EventId.id included. In the older generations of EventId that "
    "is the acting user."
)


class Format(StrEnum):
    """Who wrote a file."""

    OURS = "ours"
    OLDER = "older"


@dataclass(frozen=True, slots=True)
class Origin:
    """The rule set that a file was made from: its name, and the environments it is meant for, None for any."""

    name: str
    version: int | None = None
    source: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The rules of a file, its format, and sentences on what a person should look at before they are used."""

    rules: tuple[Rule, ...]
    format: Format
    notes: tuple[str, ...] = ()
    origin: Origin | None = None


def read_rules(text: str | bytes, file_name: str = "") -> RuleFile:
    """Return what stands in a file. MalformedJson where it is no JSON, InvalidRules with every problem otherwise.

    Ours is `{"format": "promotion-rules", "version": 1, "rules": [...]}`, perhaps with the `set` it was made from, or
    the list alone. The older importers' is a list of replacement or enrichment entries, or an object of both. Their
    rules have no names: they get those of their places in the file `file_name`, so that two files go together.
    """
    text = text.removeprefix(_BOM) if isinstance(text, bytes) else text
    value = parse_json(text, Limits(max_json_bytes=MAX_BYTES))
    if is_older(value):
        rules = tuple(_named_after(rule, file_name) for rule in older_rules(value))
        return RuleFile(rules, Format.OLDER, tuple(_notes(rules)))
    origin = None
    if isinstance(value, dict):
        origin = _envelope(value)
        value = value["rules"]
    return RuleFile(rules_from_json(value), Format.OURS, origin=origin)


def write_rules(rules: Iterable[Rule], origin: Origin | None = None) -> str:
    """Return the text of a file that `read_rules` reads back to the same rules and the same origin."""
    made_from = {} if origin is None else {"set": asdict(origin)}
    content = {"format": _FORMAT, "version": _VERSION, **made_from, "rules": to_json(rules)}
    return json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _named_after(rule: Rule, file_name: str) -> Rule:
    if not file_name:
        return rule
    name = rule.name.removesuffix("an older file") + visible(file_name)[:100]
    return replace(rule, id=id_of_name(name), name=name)


def _envelope(value: dict[str, object]) -> Origin | None:
    """Check what stands around the rules, and return the set that they are of."""
    problems: list[str] = []
    if value.get("format") != _FORMAT:
        problems.append(f'format: "{_FORMAT}" is expected.')
    if value.get("version") != _VERSION:
        problems.append(f"version: {_VERSION} is expected.")
    problems += [f"{key} is not known." for key in map(ascii, value.keys() - {"format", "version", "set", "rules"})]
    if "rules" not in value:
        problems.append("rules is missing.")
    origin = _origin(Reader(value["set"], "set", problems)) if value.get("set") is not None else None
    if problems:
        raise InvalidRules(problems)
    return origin


def _origin(reader: Reader) -> Origin:
    name, version = reader.text("name", MAX_SET_NAME), reader.number("version")
    sides = [reader.text(side, MAX_SET_NAME, default=None) or None for side in ("source", "target")]
    reader.end()
    return Origin(name, version, *sides)


def _notes(rules: tuple[Rule, ...]) -> Iterable[str]:
    for rule in rules:
        if any(isinstance(action, Generate) and action.path.field == "id" for action in rule.actions):
            yield _ID_NOTE.format(name=rule.name)


__all__ = ["Format", "InvalidRules", "MalformedJson", "Origin", "RuleFile", "read_rules", "write_rules"]
