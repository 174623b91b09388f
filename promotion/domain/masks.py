"""Masks in the place of sensitive values of an event: put there, and replaced again when a text comes back.

A mask is a text that says which of the event's masked values it stands for, and has a code of all of them: where these
have changed meanwhile, or the mask is another event's, it is refused instead of becoming the wrong value. It never
becomes a value itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from promotion.domain.avro_type import AvroType
from promotion.domain.diff import Difference
from promotion.domain.encode import Problem
from promotion.domain.json_codec import DoesNotFit
from promotion.domain.json_text import abbreviated
from promotion.domain.marks import HIDDEN, Mark, Marks, Touch
from promotion.domain.schema import Schema
from promotion.errors import InvalidInput

#: What every mask begins with, and no value that somebody saves may hold.
SIGN = "•••masked"
_SIGN_BYTES = SIGN.encode()
_MASK = re.compile(r"•••masked (\d{1,7}) ([a-z2-7]{4})•••")
MOST_PROBLEMS = 20
_HINT = "A mask stands for a value that you may not see, in its own place only. Put a value there, or take it out."
_CHANGED = "The event's masked values have changed, or the mask is another event's. Begin with the event as it is now."
_MOVED = "It stands for another value of this event. Put it where it was, or put a value here."


class MaskSaved(InvalidInput):
    """A mask stands where a value is to be saved. `problems` has every place."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(
            "A mask cannot be saved as a value.",
            _HINT,
            [f"{path}: a mask cannot be saved as a value." for path in paths],
        )


@dataclass(frozen=True, slots=True)
class Masked:
    """One masked value: the path that was marked, and the value as Avro's JSON has it, with its union's branch."""

    path: str
    value: Any


def masked(schema: Schema, tree: Any, marks: Marks, key: bytes, plain: Any = None) -> Any:
    """Return `tree` (Avro's JSON encoding) with a mask for every marked value, null and empty ones included.

    With `plain`, the same event without the branches of unions, that is masked instead. `key` is secret, and another
    one for each event.
    """
    if not marks:
        return tree if plain is None else plain
    found = places(schema, tree, marks)
    code, number = _code(found, key), iter(range(1, len(found) + 1))
    shown = tree if plain is None else plain
    return _Walk(lambda *_: f"{SIGN} {next(number)} {code}•••").tree(schema.root, shown, marks.root, "$")


def masked_beside(schema: Schema, tree: Any, marks: Marks, key: bytes, now: tuple[Schema, Any]) -> Any:
    """Return another version of an event with the masks of `now` (schema and tree) where both hold the same value.

    Elsewhere it has HIDDEN, so that whoever compares the two texts sees what differs; as a value that is refused.
    """
    if not marks:
        return tree
    known, count = _numbered(places(*now, marks), key), Counter[str]()

    def text(path: str, value: Any, _at: str) -> str:
        there = known.get((path, count[path]))
        count[path] += 1
        same = there is not None and json.dumps(there[0]) == json.dumps(value)
        return there[1] if there is not None and same else HIDDEN

    return _Walk(text).tree(schema.root, tree, marks.root, "$")


def _numbered(found: list[Masked], key: bytes) -> dict[tuple[str, int], tuple[Any, str]]:
    """Return (path, how many of it come before) -> a masked value and its mask."""
    code, count = _code(found, key), Counter[str]()
    known = {}
    for number, each in enumerate(found, 1):
        known[each.path, count[each.path]] = each.value, f"{SIGN} {number} {code}•••"
        count[each.path] += 1
    return known


def unmasked(schema: Schema, value: Any, now: Any, marks: Marks, key: bytes) -> Any:
    """Return `value`, a JSON value of the event that says `now`, with the values for the masks that stand in it.

    Raises DoesNotFit with every mask that is in a wrong place, or of another event or version.
    """
    known = places(schema, now, marks) if marks else []
    back = _Back(known, _code(known, key))
    whole = _Walk(back.marked, back.other).tree(schema.root, value, marks.root, "$")
    if back.problems:
        raise DoesNotFit(schema, back.problems[:MOST_PROBLEMS])
    return whole


def places(schema: Schema, tree: Any, marks: Marks) -> list[Masked]:
    """Return the marked values of an event in its order."""
    found: list[Masked] = []
    _Walk(lambda path, value, _: found.append(Masked(path, value))).tree(schema.root, tree, marks.root, "$")
    return found


def hidden_difference(marks: Marks, found: Difference) -> Difference:
    """Return a difference fit to show; a null at a marked place is a value too, and is masked."""
    within = marks.touch(found.path) is Touch.WITHIN
    before, after = (HIDDEN if within else marks.hidden(found.path, side) for side in (found.before, found.after))
    return Difference(found.path, found.kind, before, after)


def refuse_masks(value: Any) -> None:
    """Raise MaskSaved, with every path, where a mask stands in a JSON value, be it a key or a part of a text."""
    paths = [path for path, _ in zip(mask_paths(value), range(MOST_PROBLEMS), strict=False)]
    if paths:
        raise MaskSaved(paths)


def mask_paths(value: Any, path: str = "$") -> Iterator[str]:
    """Yield the path of every text and key that holds a mask."""
    if isinstance(value, str):
        if SIGN in value:
            yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            inside = f"{path}.{key}" if key.isidentifier() else f"{path}[{abbreviated(key)}]"
            yield from [inside] if SIGN in key else ()
            yield from mask_paths(item, inside)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mask_paths(item, f"{path}[{index}]")


def may_hold_mask(text: bytes | None) -> bool:
    """Whether a mask can stand in a JSON value of this exact text (json_text), None where it has none."""
    return text is None or _SIGN_BYTES in text


def holds_mask(body: bytes) -> bool:
    """Whether any text of an Avro body holds a mask."""
    return _SIGN_BYTES in body


def refuse_new_masks(body: bytes, before: bytes = b"") -> None:
    """Raise MaskSaved where an Avro body holds a mask that the one before it, as it was read, does not hold."""
    if holds_mask(body) and not holds_mask(before):
        raise MaskSaved(["The event"])


def veiled(error: DoesNotFit, schema: Schema, marks: Marks) -> DoesNotFit:
    """Return the error without what was found at marked places: a mask has become its value there."""
    if not marks:
        return error
    return DoesNotFit(schema, [_veiled(each, marks) for each in error.found])


def veiled_texts(problems: Iterable[str], marks: Marks) -> list[str]:
    """Return problems as text (`path: expected ..., found ...`) without what was found at marked places."""
    return [_veiled_text(each, marks) for each in problems]


def _veiled_text(problem: str, marks: Marks) -> str:
    path, colon, said = problem.partition(": ")
    if not colon or marks.touch_loosely(path) is Touch.NOT:
        return problem
    return f"{path}: {said.partition(', found ')[0]}, found another value (masked)."


def _veiled(problem: Problem, marks: Marks) -> Problem:
    # A path goes through the branches of unions, which no mark names.
    if marks.touch_loosely(problem.path) is Touch.NOT:
        return problem
    return Problem(problem.path, problem.expected, "another value (masked)", problem.hint)


def _code(found: list[Masked], key: bytes) -> str:
    said = json.dumps([[each.path, each.value] for each in found])
    digest = hmac.digest(key, said.encode(), hashlib.sha256)
    return base64.b32encode(digest)[:4].decode().lower()


class _Back:
    """Takes masks for what they stand for, and notes those that stand for nothing here."""

    def __init__(self, known: list[Masked], code: str) -> None:
        self.problems: list[Problem] = []
        self._known, self._code = known, code

    def marked(self, mark: str, value: Any, path: str) -> Any:
        """Return the value for what stands at a marked place."""
        text = _alone(value)
        found = _MASK.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            self.other(value, path)
            return value
        number = int(found[1])
        if found[2] != self._code or not 0 < number <= len(self._known):
            self._note(path, _CHANGED)
        elif self._known[number - 1].path != mark:
            self._note(path, _MOVED)
        else:
            return self._known[number - 1].value
        return value

    def other(self, value: Any, path: str) -> Any:
        """Look for masks where none can be."""
        for inside in mask_paths(value, path):
            self._note(inside, _HINT)
        return value

    def _note(self, path: str, hint: str) -> None:
        self.problems.append(Problem(path, "a value", "a mask", hint))


def _alone(value: Any) -> Any:
    """Return what stands in a union's branch: a tool may have put the mask there."""
    return next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value


class _Walk:
    """Goes through a JSON value along marks: `marked(path of the mark, value, path)` gives what stands there then.

    `other` is given the values that no mark leads to.
    """

    def __init__(
        self, marked: Callable[[str, Any, str], Any], other: Callable[[Any, str], Any] = lambda value, _: value
    ) -> None:
        self._marked, self._other = marked, other

    def tree(self, node: AvroType | None, value: Any, mark: Mark, path: str) -> Any:
        """Return the value with what `marked` says; `node` is its type where that is known."""
        if mark.path:
            return self._marked(mark.path, value, path)
        if not mark.below or not isinstance(value, dict | list):
            return self._other(value, path)
        if node is not None and node.kind == "union":
            branch = _branch_of(node, value)
            if branch is not None:
                [(tag, inside)] = dict(value).items()
                return {tag: self.tree(branch, inside, mark, f"{path}.{tag}")}
            node = _likely(node, value)
        if isinstance(value, list):
            item = node.inner[0] if node is not None and node.kind == "array" else None
            return [self.tree(item, each, mark.items, f"{path}[{n}]") for n, each in enumerate(value)]
        return dict(self._entry(node, key, each, mark, path) for key, each in value.items())

    def _entry(self, node: AvroType | None, key: str, value: Any, mark: Mark, path: str) -> tuple[str, Any]:
        inside = f"{path}.{key}" if key.isidentifier() else f"{path}[{abbreviated(key)}]"
        if SIGN in key:
            self._other(key, inside)
        return key, self.tree(_type_of(node, key), value, mark.into(key), inside)


def _branch_of(node: AvroType, value: Any) -> AvroType | None:
    """Return the branch that a union's value names, None where it stands without it; as the encoder takes it."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    return next((each for each in node.inner if each.tag in value and each.kind != "null"), None)


def _likely(node: AvroType, value: Any) -> AvroType | None:
    """Return the branch that an untagged value is most likely of: it only says how unions inside it stand."""
    if isinstance(value, list):
        return next((each for each in node.inner if each.kind == "array"), None)
    records = [each for each in node.inner if each.kind == "record"]
    fits = (each for each in records if value.keys() <= {item.name for item in each.fields})
    return next(fits, None) or next((each for each in node.inner if each.kind == "map"), None)


def _type_of(node: AvroType | None, key: str) -> AvroType | None:
    if node is None:
        return None
    if node.kind == "map":
        return node.inner[0]
    return next((item.type for item in node.fields if item.name == key), None)
