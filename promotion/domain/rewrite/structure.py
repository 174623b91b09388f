"""Actions that change which fields an event has, or its type: the outcome is written in the target's schema."""

from __future__ import annotations

from promotion.domain.avro_type import AvroType
from promotion.domain.names import split_name
from promotion.domain.rewrite.actions import Drop, Rename, Retype
from promotion.domain.rewrite.fitting import plain
from promotion.domain.rewrite.path import Path
from promotion.domain.rewrite.shapes import Clash, Fields, renamed, reshaped, without
from promotion.domain.rewrite.values import Act, nothing
from promotion.domain.rewrite.work import Change, Shape, Work


def rename(action: Rename, shape: Shape, sensitive: bool) -> Act:
    """Return what gives a field another name; a problem where the record has one of that name.

    What holds a sensitive value keeps its name unless the rule is `sensitive`: by that name it is known.
    """
    place, old = shape.seen(action.path, sensitive, around=True), action.path.field
    if place is None:
        return nothing

    def act(work: Work) -> None:
        spots = place.spots(work.holder)
        if not spots:
            return
        try:
            after = shape.derived(action, lambda: _reshaped(shape, action.path, renamed(old, action.name)))
        except Clash as clash:
            work.problem(f"{old} cannot be renamed: {clash}.")
            return
        for spot in spots:
            value = spot.container.pop(old)
            spot.container[action.name] = value
            shown = plain(spot.node, value)
            work.changes.append(Change(spot.path, shown, None))
            work.changes.append(Change(_beside(spot.path, action.name), None, shown))
        work.restructured(after)

    return act


def drop(action: Drop, shape: Shape) -> Act:
    """Return what takes a field out of its record (structural), or an item or entry out of where it is (not so)."""
    place, field = shape.place(action.path), action.path.field
    if place is None:
        return nothing

    def act(work: Work) -> None:
        spots = place.spots(work.holder)
        for spot in reversed(spots):  # the last item first, so that the others keep their index
            work.changes.append(Change(spot.path, plain(spot.node, spot.container[spot.key]), None))
            work.touch(spot.container, spot.key)
            del spot.container[spot.key]
        if spots and field:
            work.restructured(shape.derived(action, lambda: _reshaped(shape, action.path, without(field))))

    return act


def retype(action: Retype, shape: Shape) -> Act:
    """Return what makes the event one of another type."""
    if action.full_name == shape.full_name:
        return nothing

    def make() -> Shape:
        root = shape.root
        copy = AvroType(root.kind, action.full_name, root.inner, root.fields, root.symbols, root.size)
        marks = shape.marks | shape.marks_of(action.full_name)
        return Shape(copy, action.full_name, *split_name(action.full_name), True, marks, shape.marks_of)

    return lambda work: work.restructured(shape.derived(action, make))


def _reshaped(shape: Shape, path: Path, change: Fields) -> Shape:
    return shape.with_root(reshaped(shape.root, path, change))


def _beside(path: str, name: str) -> str:
    """Return the path of another field of the same record."""
    parent, dot, _ = path.rpartition(".")
    return f"{parent}{dot}{name}"
