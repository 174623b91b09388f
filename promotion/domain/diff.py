"""What an edit changed, field by field, between two values of Avro's JSON encoding."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from promotion.domain.avro_type import PRIMITIVES

_UNNAMED = PRIMITIVES | {"array", "map"}
_ABSENT = object()
_PLAIN_KEY = str.isidentifier


class Kind(StrEnum):
    """What happened to a value."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs; `before` is None where it was added, `after` where it was removed."""

    path: str
    kind: Kind
    before: Any
    after: Any


def differences(original: Any, outgoing: Any, most: int = 10_000) -> list[Difference]:
    """Return what differs, in the order of the original, at most `most` of it. Arrays are compared by index.

    A union's branch does not show in the path, and its values are shown without it; where the branch itself differs,
    both are shown with it. Types count: 1 is not true and not 1.0.
    """
    return list(islice(_compare(original, outgoing, "$"), most))


def _compare(before: Any, after: Any, path: str) -> Iterator[Difference]:
    old_tag, old = _untag(before)
    new_tag, new = _untag(after)
    if old_tag != new_tag and old is not None and new is not None:
        yield Difference(path, Kind.CHANGED, before, after)
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _compare_entries(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_items(old, new, path)
    elif not _same(old, new):
        yield Difference(path, Kind.CHANGED, old, new)
    elif old_tag != new_tag:
        yield Difference(path, Kind.CHANGED, before, after)


def _compare_entries(before: dict[str, Any], after: dict[str, Any], path: str) -> Iterator[Difference]:
    for key in [*before, *(key for key in after if key not in before)]:
        inside = f"{path}.{key}" if _PLAIN_KEY(key) else f"{path}[{ascii(key)[:80]}]"
        yield from _compare_both(before.get(key, _ABSENT), after.get(key, _ABSENT), inside)


def _compare_items(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    for index in range(max(len(before), len(after))):
        old = before[index] if index < len(before) else _ABSENT
        new = after[index] if index < len(after) else _ABSENT
        yield from _compare_both(old, new, f"{path}[{index}]")


def _compare_both(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before is _ABSENT:
        yield Difference(path, Kind.ADDED, None, _untag(after)[1])
    elif after is _ABSENT:
        yield Difference(path, Kind.REMOVED, _untag(before)[1], None)
    else:
        yield from _compare(before, after, path)


def _untag(value: Any) -> tuple[str, Any]:
    """Return a union's branch and the value inside; an empty branch where the value looks like no union's."""
    if isinstance(value, dict) and len(value) == 1:
        [(tag, inside)] = value.items()
        if tag in _UNNAMED or "." in tag:
            return tag, inside
    return "", value


def _same(before: Any, after: Any) -> bool:
    """Equal in type and in every digit: -0.0 is not 0.0."""
    if isinstance(before, float):
        before, after = repr(before), repr(after)
    return type(before) is type(after) and bool(before == after)
