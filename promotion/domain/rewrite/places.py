"""Where a path leads in a schema, found once, and in an event's tree, found for each event.

A tree is the value of Avro's JSON encoding: a union's value is `{"branch": value}`, so a union is a step of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from promotion.domain.avro_type import AvroType
from promotion.domain.marks import Marks, Touch
from promotion.domain.rewrite.path import Part, Path, Step, entry_text


class Spot(NamedTuple):
    """A value is `container[key]`, of type `node`. In `path` indices and keys are `[*]` and `{*}`, in `exact` not."""

    container: Any
    key: Any
    node: AvroType
    path: str
    exact: str


class _Way(IntEnum):
    FIELD = 0
    BRANCH = 1
    ITEM = 2
    ITEMS = 3
    ENTRY = 4
    ENTRIES = 5


class Place:
    """A type on the way: `hit` where the path ends here, `inside` what lies further. May lead back to itself."""

    __slots__ = ("hit", "inside", "node")

    def __init__(self, node: AvroType, hit: bool) -> None:
        self.node = node
        self.hit = hit
        self.inside: list[tuple[_Way, Any, Place]] = []

    def spots(self, holder: list[Any]) -> list[Spot]:
        """Return the values in the tree `holder[0]`, in its order."""
        found: list[Spot] = []
        _find(self, holder, 0, "", "", found)
        return found

    def hits(self) -> set[AvroType]:
        """Return the types of all values it can lead to."""
        return {place.node for place in _reachable(self) if place.hit}


class BlindPlace(Place):
    """A place as a rule sees it that must not look into sensitive fields: values in these are passed over.

    With `around`, values that hold a sensitive one are passed over too.
    """

    __slots__ = ("_around", "_known", "_marks")

    def __init__(self, place: Place, marks: Marks, around: bool) -> None:
        super().__init__(place.node, place.hit)
        self.inside = place.inside
        self._marks, self._around = marks, around
        self._known: dict[str, bool] = {}

    def spots(self, holder: list[Any]) -> list[Spot]:
        """Return the values that may be seen, in the tree's order."""
        return [spot for spot in super().spots(holder) if not self._hides(spot.path)]

    def hides_any(self, holder: list[Any]) -> bool:
        """Whether a value of this event is passed over."""
        return any(self._hides(spot.path) for spot in super().spots(holder))

    def _hides(self, path: str) -> bool:
        if path not in self._known:
            touch = self._marks.touch(path)
            self._known[path] = touch is Touch.WITHIN or (self._around and touch is Touch.ABOVE)
        return self._known[path]


def locate(root: AvroType, path: Path, inside_union: bool = False) -> Place | None:
    """Return where `path` leads in a schema, None where no event of it has such a value.

    A path ends at a union as such, whatever its branch; at the value in a branch with `inside_union`.
    """
    if path.everywhere:
        place = _everywhere(root, path.field)
        return place if place.hit or place.inside else None
    return _down(root, path.parts, inside_union)


def _down(node: AvroType, parts: tuple[Part, ...], inside_union: bool) -> Place | None:
    if node.kind == "union" and (parts or inside_union):
        return _with(node, [(_Way.BRANCH, each.tag, _down(each, parts, inside_union)) for each in node.inner])
    if not parts:
        return Place(node, hit=True)
    part, rest = parts[0], parts[1:]
    match part.step:
        case Step.FIELD:
            types = [item.type for item in node.fields if item.name == part.name]
            return _with(node, [(_Way.FIELD, part.name, _down(each, rest, inside_union)) for each in types])
        case Step.ITEM | Step.ITEMS if node.kind == "array":
            way = _Way.ITEM if part.step is Step.ITEM else _Way.ITEMS
            return _with(node, [(way, part.index, _down(node.inner[0], rest, inside_union))])
        case Step.ENTRY | Step.ENTRIES if node.kind == "map":
            way = _Way.ENTRY if part.step is Step.ENTRY else _Way.ENTRIES
            return _with(node, [(way, part.name, _down(node.inner[0], rest, inside_union))])
        case _:
            return None


def _with(node: AvroType, ways: list[tuple[_Way, Any, Place | None]]) -> Place | None:
    place = Place(node, hit=False)
    place.inside = [(way, name, child) for way, name, child in ways if child is not None]
    return place if place.inside else None


def _everywhere(root: AvroType, field: str) -> Place:
    """Return all fields of this name, or with an empty one all texts; branches that lead to none are cut off."""
    known: dict[tuple[AvroType, bool], Place] = {}

    def enter(node: AvroType, hit: bool) -> Place:
        place = known.get((node, hit))
        if place is None:
            place = known[node, hit] = Place(node, hit)
            place.inside = [(way, name, enter(inner, hit_inside)) for way, name, inner, hit_inside in steps(node)]
        return place

    def steps(node: AvroType) -> Iterator[tuple[_Way, Any, AvroType, bool]]:
        for item in node.fields:
            yield _Way.FIELD, item.name, item.type, is_text(item.type) if not field else item.name == field
        way = {"union": _Way.BRANCH, "array": _Way.ITEMS, "map": _Way.ENTRIES}.get(node.kind)
        if way is not None:
            for inner in node.inner:
                yield way, inner.tag, inner, not field and is_text(inner)

    def is_text(node: AvroType) -> bool:
        return node.kind == "string"

    start = enter(root, not field and is_text(root))
    _prune(list(known.values()))
    return start


def _prune(places: list[Place]) -> None:
    above: dict[Place, list[Place]] = {}
    for place in places:
        for _, _, child in place.inside:
            above.setdefault(child, []).append(place)
    live = {place for place in places if place.hit}
    waiting = list(live)
    while waiting:
        fresh = [parent for parent in above.get(waiting.pop(), ()) if parent not in live]
        live.update(fresh)
        waiting += fresh
    for place in places:
        place.inside = [way for way in place.inside if way[2] in live]


def _reachable(start: Place) -> set[Place]:
    seen, waiting = {start}, [start]
    while waiting:
        fresh = {child for _, _, child in waiting.pop().inside} - seen
        seen |= fresh
        waiting += fresh
    return seen


def _find(place: Place, container: Any, key: Any, path: str, exact: str, found: list[Spot]) -> None:
    if place.hit:
        found.append(Spot(container, key, place.node, path, exact))
    if place.inside:
        value = container[key]
        for way, name, child in place.inside:
            if way is _Way.FIELD:
                label = f".{name}" if path else name
                _find(child, value, name, path + label, exact + label, found)
            elif value is not None:
                _FINDERS[way](child, value, name, path, exact, found)


def _branch(place: Place, value: Any, tag: Any, path: str, exact: str, found: list[Spot]) -> None:
    if tag in value:
        _find(place, value, tag, path, exact, found)


def _item(place: Place, value: Any, index: Any, path: str, exact: str, found: list[Spot]) -> None:
    if index < len(value):
        _find(place, value, index, f"{path}[*]", f"{exact}[{index}]", found)


def _items(place: Place, value: Any, _index: Any, path: str, exact: str, found: list[Spot]) -> None:
    path += "[*]"
    for index in range(len(value)):
        _find(place, value, index, path, f"{exact}[{index}]", found)


def _entry(place: Place, value: Any, key: Any, path: str, exact: str, found: list[Spot]) -> None:
    if key in value:
        _find(place, value, key, path + "{*}", exact + entry_text(key), found)


def _entries(place: Place, value: Any, _key: Any, path: str, exact: str, found: list[Spot]) -> None:
    path += "{*}"
    for key in value:
        _find(place, value, key, path, f"{exact}{{{json.dumps(key)}}}", found)


_Finder = Callable[[Place, Any, Any, str, str, list[Spot]], None]
_FINDERS: dict[_Way, _Finder] = {
    _Way.BRANCH: _branch,
    _Way.ITEM: _item,
    _Way.ITEMS: _items,
    _Way.ENTRY: _entry,
    _Way.ENTRIES: _entries,
}
