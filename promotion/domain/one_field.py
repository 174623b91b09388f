"""Set one field of an event: the same value in events of many types, as far as each type takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.diff import Difference, Kind
from promotion.domain.json_text import MalformedJson, parse_json
from promotion.domain.limits import Limits
from promotion.domain.octets import visible
from promotion.domain.rewrite.fitting import Filling, Unfit, plain, same
from promotion.domain.rewrite.path import Path
from promotion.domain.rewrite.places import Place, Spot, locate
from promotion.domain.schema import Schema

#: What somebody types as a value.
TYPED = Limits(max_json_bytes=64 * 1024, max_json_depth=20)
MOST_DEPTH = 6


class CannotTake(Exception):
    """The event cannot have this value there; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field that can be set: its path, its type and what its documentation says."""

    path: str
    type: AvroType
    doc: str


def meant(text: str) -> list[Any]:
    """Return what typed text may mean, the likelier first: a JSON value, then the text itself."""
    try:
        value = parse_json(text, TYPED)
    except MalformedJson:
        return [text]
    return [value] if isinstance(value, str) else [value, text]


def fields_of(root: AvroType, most: int) -> list[FieldChoice]:
    """Return the fields of an event that can be set, at most so many: those of records in it and of items too."""
    found: list[FieldChoice] = []
    for choice in _walk(root, "", 0):
        if len(found) == most:
            break
        found.append(choice)
    return found


def symbols_of(node: AvroType) -> list[str]:
    """Return the JSON texts of the only values that a type takes, none where it takes others than these."""
    match node.kind:
        case "enum":
            return list(node.symbols)
        case "boolean":
            return ["true", "false"]
        case "union":
            parts = [symbols_of(branch) for branch in node.inner if branch.kind != "null"]
            return [each for part in parts for each in part] if parts and all(parts) else []
        case _:
            return []


def takes_nothing(node: AvroType) -> bool:
    """Whether null is allowed there."""
    return node.kind == "null" or (node.kind == "union" and any(branch.kind == "null" for branch in node.inner))


class FieldSetter:
    """Sets the values at `path` to the first of `values` that fits; what a schema says is found out once."""

    def __init__(self, path: Path, values: Sequence[Any]) -> None:
        self._path = path
        self._fillings = [Filling(value) for value in values]
        self._places: dict[str, Place | None] = {}

    def set(self, schema: Schema, tree: Any) -> tuple[Any, list[Difference], list[Any]]:
        """Return the changed value of Avro's JSON encoding `tree`, what differs, and every value that was there.

        Nothing differs where the values are there already. Raises CannotTake. `tree` may be changed by it.
        """
        holder = [tree]
        place = self._place(schema)
        if place is None:
            raise CannotTake(f"Its type has no field {self._path}.")
        spots = place.spots(holder)
        if not spots:
            raise CannotTake(f"There is nothing that holds {self._path}: it is empty on the way there.")
        before = [plain(spot.node, spot.container[spot.key]) for spot in spots]
        return holder[0], [change for spot in spots for change in self._fill(spot)], before

    def _place(self, schema: Schema) -> Place | None:
        if schema.sha256 not in self._places:
            self._places[schema.sha256] = locate(schema.root, self._path)
        return self._places[schema.sha256]

    def _fill(self, spot: Spot) -> Iterator[Difference]:
        now = spot.container[spot.key]
        new = self._fitted(spot, now)
        if not same(now, new):
            spot.container[spot.key] = new
            yield Difference(f"$.{spot.exact}", Kind.CHANGED, plain(spot.node, now), plain(spot.node, new))

    def _fitted(self, spot: Spot, now: Any) -> Any:
        wrong = ""
        for filling in self._fillings:
            try:
                return filling.instead_of(spot.node, now)
            except Unfit as unfit:
                wrong = wrong or str(unfit)
        raise CannotTake(f"The value does not fit {visible(spot.path)}: {wrong}.")


def _walk(node: AvroType, prefix: str, depth: int) -> Iterator[FieldChoice]:
    if depth == MOST_DEPTH:
        return
    match node.kind:
        case "record":
            for item in node.fields:
                yield from _field(item, prefix, depth)
        case "union":
            for branch in node.inner:
                yield from _walk(branch, prefix, depth)
        case "array":
            yield from _walk(node.inner[0], f"{prefix}[*]", depth + 1)


def _field(item: AvroField, prefix: str, depth: int) -> Iterator[FieldChoice]:
    path = f"{prefix}.{item.name}".removeprefix(".")
    yield FieldChoice(path, item.type, item.doc)
    yield from _walk(item.type, path, depth + 1)
