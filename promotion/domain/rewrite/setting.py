"""Puts values where there are none yet: a field that only the target's schema has, an entry of a map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from promotion.domain.avro_type import AvroType
from promotion.domain.rewrite.actions import Set
from promotion.domain.rewrite.fitting import GIVEN, Filling, Unfit, plain
from promotion.domain.rewrite.path import Path, Step
from promotion.domain.rewrite.places import Place, Spot
from promotion.domain.rewrite.shapes import added, reshaped
from promotion.domain.rewrite.values import Act, fill, in_turn, nothing
from promotion.domain.rewrite.work import Change, Shape, Work

NO_VALUE: Final = object()
_GIVEN_TYPE = AvroType(GIVEN)


def set_value(action: Set, shape: Shape) -> Act:
    """Return what puts a value wherever the path leads, into records and maps that lack it too."""
    place, filling = shape.place(action.path), Filling(action.value)

    def act(work: Work) -> None:
        for spot in place.spots(work.holder) if place is not None else ():
            fill(work, spot, filling)

    given = new_fields(action.path, shape, lambda _work, _record: filling.instead_of(_GIVEN_TYPE, None))
    return in_turn(nothing if place is None else act, given, _new_entries(action.path, shape, filling))


def new_fields(path: Path, shape: Shape, value: Callable[[Work, Spot], Any]) -> Act:
    """Return what gives the records that lack the field `path` ends with what `value` says; NO_VALUE is no field."""
    records = _holders(path, shape) if path.field and not path.everywhere else None
    if records is None or not any(_lacks(node, path.field) for node in records.hits()):
        return nothing
    change = added(path.field, _GIVEN_TYPE)

    def make() -> Shape:
        return shape.with_root(reshaped(shape.root, path, change))

    def act(work: Work) -> None:
        given = False
        for record in [spot for spot in records.spots(work.holder) if _lacks(spot.node, path.field)]:
            new = value(work, record)
            if new is not NO_VALUE:
                record.container[record.key][path.field] = new
                work.changes.append(Change(f"{record.path}.{path.field}".removeprefix("."), None, new))
                given = True
        if given:
            work.restructured(shape.derived(("given", path), make))

    return act


def _new_entries(path: Path, shape: Shape, filling: Filling) -> Act:
    maps = _holders(path, shape) if path.parts and path.parts[-1].step is Step.ENTRY else None
    if maps is None:
        return nothing
    key = path.parts[-1].name

    def act(work: Work) -> None:
        for spot in maps.spots(work.holder):
            if spot.node.kind != "map" or key in spot.container[spot.key]:
                continue
            node = spot.node.inner[0]
            try:
                new = filling.instead_of(node, None)
            except Unfit as unfit:
                work.problem(f"the value does not fit at {spot.path}{{*}}: {unfit}.")
                continue
            entry = Spot(spot.container[spot.key], key, node, spot.path + "{*}", "")
            work.put(entry, entry.container, key, new, None, plain(node, new))

    return act


def _holders(path: Path, shape: Shape) -> Place | None:
    """Return the records or maps that `path` ends in."""
    return shape.place(Path(path.parts[:-1]), inside_union=True)


def _lacks(node: AvroType, field: str) -> bool:
    return node.kind == "record" and all(item.name != field for item in node.fields)
