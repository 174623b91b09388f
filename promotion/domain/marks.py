"""Where the sensitive values of an event type stand: paths as people write them, and what they say of other paths.

A path is dotted, with `[]` for every item of an array and for every value of a map: `users[].password`, `labels[]`.
Whatever a marked value holds is sensitive with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

ITEMS = "[]"
#: What stands in the place of a value where nothing comes back: in differences, reports and names of things.
HIDDEN = "•••masked•••"
MOST_CHARACTERS = 300
#: Reports and plans keep so many characters of a path: the last step of such a one may be half of a name.
CUT_OFF = 200
_PATH = re.compile(r"[A-Za-z_]\w*(?:\[\])*(?:\.[A-Za-z_]\w*(?:\[\])*)*", re.ASCII)
_PART = re.compile(r"\[\]|\w+")
#: A step in the paths of differences, rules and documents: a name, an index, or what cannot be read exactly.
_STEP = re.compile(r"\.?(?P<name>\w+)|(?P<item>\[(?:\d+|\*)\])|(?P<rest>.)", re.DOTALL)


class Touch(IntEnum):
    """What a path has to do with sensitive values: none, some lie within it, or it is (in) one."""

    NOT = 0
    ABOVE = 1
    WITHIN = 2


@dataclass(slots=True, eq=False)
class Mark:
    """One step of the paths. `path` is what was marked, where the path ends here; `below` is what lies further."""

    path: str = ""
    below: dict[str, Mark] = field(default_factory=dict)

    def into(self, key: str) -> Mark:
        """Return what lies behind a record's field or a map's key."""
        return self.below.get(key) or self.below.get(ITEMS) or UNMARKED

    @property
    def items(self) -> Mark:
        """Return what lies behind the items of an array."""
        return self.below.get(ITEMS) or UNMARKED


UNMARKED = Mark()


class Marks:
    """The marked paths of one type, or of several together. Empty ones are false."""

    __slots__ = ("paths", "root")

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.paths = tuple(dict.fromkeys(paths))
        self.root = Mark()
        for path in self.paths:
            self._add(path)

    def __bool__(self) -> bool:
        return bool(self.paths)

    def __or__(self, other: Marks) -> Marks:
        return Marks((*self.paths, *other.paths)) if self and other else self or other

    def touch(self, path: str) -> Touch:
        """Say what a path has to do with the marks, whether a difference, a rule or a document has written it.

        Where that cannot be told (a map's key in quotes, a path that was cut off) it is the worst that is possible.
        """
        return _touch(*self._reached(path))

    def touch_loosely(self, path: str) -> Touch:
        """Say the same of a path that may name branches of unions too: behind the first field they are passed over."""
        first, *rest = re.findall(r"\[\d+\]|\w+", path.removeprefix("$")) or [""]
        found = list(_next(self.root, first))
        for step in rest:
            found = [each for mark in found for each in _next(mark, ITEMS if step.startswith("[") else step)] or found
        return _touch(found, exact=True)

    def hidden(self, path: str, value: Any) -> Any:
        """Return what to show of the value at `path` of an event; None, which is 'not there', stays None."""
        if not self or value is None:
            return value
        found, exact = self._reached(path)
        touch = _touch(found, exact)
        if touch is Touch.WITHIN:
            return HIDDEN
        return hidden_inside(value, found) if touch is Touch.ABOVE else value

    def parts(self) -> list[list[str]]:
        """Return each path as its steps, as the database takes them."""
        return [parts_of(path) for path in self.paths]

    def _add(self, path: str) -> None:
        mark = self.root
        for part in parts_of(path):
            mark = mark.below.setdefault(part, Mark())
        mark.path = mark.path or path

    def _reached(self, path: str) -> tuple[list[Mark], bool]:
        """Return where a path leads among the marks, and whether that is exactly known."""
        found, steps = [self.root], list(_STEP.finditer(path.removeprefix("$")))
        cut = len(path) >= CUT_OFF
        for step in steps[:-1] if cut else steps:
            if any(mark.path for mark in found):
                return found, True
            if step["rest"]:
                return found, False
            name = step["name"]
            found = [each for mark in found for each in _next(mark, name or ITEMS)]
        return found, not cut


def parts_of(path: str) -> list[str]:
    """Return the steps of a marked path: names, and `[]`."""
    return _PART.findall(path)


def is_path(text: str) -> bool:
    """Whether a text can be a marked path."""
    return len(text) <= MOST_CHARACTERS and _PATH.fullmatch(text) is not None


def hidden_inside(value: Any, marks: Sequence[Mark]) -> Any:
    """Return `value` with HIDDEN wherever one of `marks` leads in it; a union's branch may stand in it or not."""
    if any(mark.path for mark in marks):
        return HIDDEN
    marks = [mark for mark in marks if mark.below]
    if not marks:
        return value
    if isinstance(value, list):
        return [hidden_inside(item, [mark.items for mark in marks]) for item in value]
    if isinstance(value, Mapping):
        return {key: hidden_inside(item, list(_behind(key, len(value), marks))) for key, item in value.items()}
    return value


def _behind(key: str, size: int, marks: Sequence[Mark]) -> Iterator[Mark]:
    for mark in marks:
        yield mark.into(key)
        if size == 1:  # perhaps the key is a union's branch
            yield mark


def _next(mark: Mark, step: str) -> Iterator[Mark]:
    for name in {step, ITEMS}:
        if name in mark.below:
            yield mark.below[name]


def _touch(found: Sequence[Mark], exact: bool) -> Touch:
    if any(mark.path for mark in found):
        return Touch.WITHIN
    above = any(mark.below for mark in found)
    return (Touch.ABOVE if exact else Touch.WITHIN) if above else Touch.NOT
