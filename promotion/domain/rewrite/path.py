"""Where in an event: `EventId.userId`, `items[*].id`, `labels{key}`, `**.hostId`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum

MAX_LENGTH = 1_000
MAX_STEPS = 32
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_STEP = re.compile(
    r"(?P<field>\.?[A-Za-z_][A-Za-z0-9_]*)"
    r"|\[(?P<item>\*|[0-9]{1,9})\]"
    r'|\{(?P<entry>\*|[A-Za-z0-9_.:/@+-]+|"(?:[^"\\]|\\.)*+")\}'
)


class InvalidPath(ValueError):
    """A text that is no path; the message is a sentence that says where it is wrong."""


class Step(StrEnum):
    """What a part of a path goes into."""

    FIELD = "field"
    ITEM = "item"
    ITEMS = "items"
    ENTRY = "entry"
    ENTRIES = "entries"


@dataclass(frozen=True, slots=True)
class Part:
    """One step down. `name` is a field's name or a map's key, `index` an array's index from 0."""

    step: Step
    name: str = ""
    index: int = 0

    def __str__(self) -> str:
        match self.step:
            case Step.FIELD:
                return f".{self.name}"
            case Step.ITEM:
                return f"[{self.index}]"
            case Step.ITEMS:
                return "[*]"
            case Step.ENTRY:
                return entry_text(self.name)
            case Step.ENTRIES:
                return "{*}"


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. With `everywhere`, `parts` is the one field meant at any depth, or empty: every text at all."""

    parts: tuple[Part, ...]
    everywhere: bool = False

    def __str__(self) -> str:
        text = "".join(map(str, self.parts))
        return f"**{text}" if self.everywhere else text.removeprefix(".")

    @property
    def every_text(self) -> bool:
        """Whether it is `**`."""
        return self.everywhere and not self.parts

    @property
    def field(self) -> str:
        """The field it ends with, empty where it ends with an item or an entry, or is `**`."""
        return self.parts[-1].name if self.parts and self.parts[-1].step is Step.FIELD else ""

    @property
    def several(self) -> bool:
        """Whether it may lead to more than one value."""
        return self.everywhere or any(part.step in (Step.ITEMS, Step.ENTRIES) for part in self.parts)


def parse_path(text: str) -> Path:
    """Return the path of `text`; InvalidPath where it is none. `str` of the result reads as the same path.

    A map's key of other characters than letters, digits and `_.:/@+-` stands in JSON's quotes: `labels{"a b"}`.
    """
    if not 0 < len(text) <= MAX_LENGTH:
        raise InvalidPath(f"A path has 1 to {MAX_LENGTH:,} characters.")
    if text == "**":
        return Path((), everywhere=True)
    if text.startswith("**"):
        return _everywhere(text)
    parts: list[Part] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or bool(parts) != text.startswith((".", "[", "{"), position):
            raise InvalidPath(_what_is_wrong(text, position))
        parts.append(_part(match, position))
        position = match.end()
    if len(parts) > MAX_STEPS:
        raise InvalidPath(f"A path has at most {MAX_STEPS} steps.")
    return Path(tuple(parts))


def entry_text(key: str) -> str:
    """Return a map's key as a path has it."""
    return f"{{{key if _PLAIN_KEY.fullmatch(key) else json.dumps(key)}}}"


def _everywhere(text: str) -> Path:
    if text[2] != "." or not _NAME.fullmatch(text, 3):
        raise InvalidPath("After ** stands nothing, or a dot and the name of one field: **.hostId.")
    return Path((Part(Step.FIELD, text[3:]),), everywhere=True)


def _part(match: re.Match[str], position: int) -> Part:
    if (name := match["field"]) is not None:
        return Part(Step.FIELD, name.removeprefix("."))
    if (item := match["item"]) is not None:
        return Part(Step.ITEMS) if item == "*" else Part(Step.ITEM, index=int(item))
    if (key := match["entry"]) == "*":
        return Part(Step.ENTRIES)
    return Part(Step.ENTRY, _unquoted(key, position))


def _unquoted(key: str, position: int) -> str:
    if not key.startswith('"'):
        return key
    try:
        name: str = json.loads(key)
        name.encode()
    except ValueError:
        raise InvalidPath(f"At character {position + 1}: the key in quotes is not JSON text.") from None
    return name


def _what_is_wrong(text: str, position: int) -> str:
    where = f"At character {position + 1}: "
    if text.startswith("{", position):
        return where + "a map's key stands as {key}, {\"any key\"} in JSON's quotes, or {*} for all."
    if text.startswith("[", position):
        return where + "an array's item stands as [0], or [*] for all."
    if "**" in text[position:]:
        return where + "** stands at the beginning only."
    return where + "a field's name is expected: letters, digits and underscores, with a dot before all but the first."
