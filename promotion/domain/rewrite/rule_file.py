"""A file of rules, ours or an older importer's: recognised, checked as a whole, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from promotion.domain.json_text import MalformedJson, parse_json
from promotion.domain.limits import Limits
from promotion.domain.rewrite.actions import Generate
from promotion.domain.rewrite.older import is_older, older_rules
from promotion.domain.rewrite.reader import InvalidRules
from promotion.domain.rewrite.rule import Rule, rules_from_json, to_json

MAX_BYTES = 8 * 1024 * 1024
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
class RuleFile:
    """The rules of a file, its format, and sentences on what a person should look at before they are used."""

    rules: tuple[Rule, ...]
    format: Format
    notes: tuple[str, ...] = ()


def read_rules(text: str | bytes) -> RuleFile:
    """Return what stands in a file. MalformedJson where it is no JSON, InvalidRules with every problem otherwise.

    Ours is `{"format": "promotion-rules", "version": 1, "rules": [...]}` or the list alone. The older importers' is a
    list of replacement or enrichment entries, or an object of both.
    """
    value = parse_json(text, Limits(max_json_bytes=MAX_BYTES))
    if is_older(value):
        rules = older_rules(value)
        return RuleFile(rules, Format.OLDER, tuple(_notes(rules)))
    if isinstance(value, dict):
        _check_envelope(value)
        value = value["rules"]
    return RuleFile(rules_from_json(value), Format.OURS)


def write_rules(rules: Iterable[Rule]) -> str:
    """Return the text of a file that `read_rules` reads back to the same rules."""
    content = {"format": _FORMAT, "version": _VERSION, "rules": to_json(rules)}
    return json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _check_envelope(value: dict[str, object]) -> None:
    problems = []
    if value.get("format") != _FORMAT:
        problems.append(f'format: "{_FORMAT}" is expected.')
    if value.get("version") != _VERSION:
        problems.append(f"version: {_VERSION} is expected.")
    problems += [f"{key} is not known." for key in map(ascii, value.keys() - {"format", "version", "rules"})]
    if "rules" not in value:
        problems.append("rules is missing.")
    if problems:
        raise InvalidRules(problems)


def _notes(rules: tuple[Rule, ...]) -> Iterable[str]:
    for rule in rules:
        if any(isinstance(action, Generate) and action.path.field == "id" for action in rule.actions):
            yield _ID_NOTE.format(name=rule.name)


__all__ = ["Format", "InvalidRules", "MalformedJson", "RuleFile", "read_rules", "write_rules"]
