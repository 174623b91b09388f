"""Where in a text of rules a problem is, so that the editor marks it there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from promotion.domain.json_text import parse_json
from promotion.errors import InvalidInput

Problem = dict[str, str]
#: `rule 2, action 1: path: ...` of our rules, `entry 3: ...` and `replacement 3: ...` of an older importer's.
_PLACE = re.compile(
    r"(?P<list>rule|entry|replacement|enrichment) (?P<number>\d{1,5})"
    r"(?:, (?P<part>condition|action) (?P<item>\d{1,5}))?: (?:(?P<key>[a-z_]+): )?"
)
_PARTS = {"condition": "when", "action": "then"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def placed(problems: Sequence[str], text: str) -> tuple[list[Problem], list[str]]:
    """Return the problems that have a place in `text`, as the JSON editor takes them, and those that have none."""
    lists = _lists(text)
    found: list[Problem] = []
    others: list[str] = []
    for problem in problems:
        match = _PLACE.match(problem)
        if match is None or match["list"] not in lists:
            others.append(problem)
        else:
            found.append({"path": _path(match, lists[match["list"]]), "message": problem})
    return found, others


def _lists(text: str) -> dict[str, str]:
    """Where each kind of list stands in the text."""
    try:
        value: Any = parse_json(text)
    except InvalidInput:
        return {}
    if isinstance(value, list):
        return {"rule": "", "entry": ""}
    if not isinstance(value, dict):
        return {}
    named = {key.lower().rstrip("s"): key for key in value if _PLAIN.fullmatch(key)}
    return {kind: named[kind] for kind in ("rule", "replacement", "enrichment") if kind in named}


def _path(match: re.Match[str], where: str) -> str:
    path = f"{where}[{int(match['number']) - 1}]"
    if match["part"]:
        path += f".{_PARTS[match['part']]}[{int(match['item']) - 1}]"
    return f"{path}.{match['key']}" if match["key"] else path
