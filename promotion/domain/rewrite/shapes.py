"""Type graphs as rules change them: a field less, renamed or added, in copies of the records on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from promotion.domain.avro_type import PRIMITIVES, AvroField, AvroType
from promotion.domain.rewrite.path import Part, Path, Step

#: Says what fields a record has afterwards.
Fields = Callable[[AvroType], tuple[AvroField, ...]]


class Clash(Exception):
    """A record would have two fields of one name; the message says where."""


def reshaped(root: AvroType, path: Path, change: Fields) -> AvroType:
    """Return `root` where the records that hold the field `path` have the fields that `change` gives them."""
    if path.everywhere:
        return _everywhere(root, path.field, change, {})
    return _along(root, path.parts[:-1], change)


def without(name: str) -> Fields:
    """Take the field `name` away."""
    return lambda record: tuple(item for item in record.fields if item.name != name)


def renamed(old: str, new: str) -> Fields:
    """Give the field `old` the name `new`; Clash where there is one of that name."""

    def change(record: AvroType) -> tuple[AvroField, ...]:
        names = {item.name for item in record.fields}
        if old in names and new in names:
            raise Clash(f"{record.name} has a field {new} already")
        return tuple(AvroField(new, item.type) if item.name == old else item for item in record.fields)

    return change


def added(name: str, kind: AvroType) -> Fields:
    """Add a field `name` where there is none."""

    def change(record: AvroType) -> tuple[AvroField, ...]:
        if any(item.name == name for item in record.fields):
            return record.fields
        return (*record.fields, AvroField(name, kind))

    return change


def _along(node: AvroType, parts: tuple[Part, ...], change: Fields) -> AvroType:
    if node.kind == "union":
        return replace(node, inner=tuple(_along(branch, parts, change) for branch in node.inner))
    if not parts:
        return replace(node, fields=change(node)) if node.kind == "record" else node
    part, rest = parts[0], parts[1:]
    if part.step is Step.FIELD and node.kind == "record":
        return replace(node, fields=tuple(
            _with_type(item, _along(item.type, rest, change)) if item.name == part.name else item
            for item in node.fields
        ))  # fmt: skip
    if (part.step, node.kind) in ((Step.ITEMS, "array"), (Step.ENTRIES, "map")):
        return replace(node, inner=(_along(node.inner[0], rest, change),))
    return node


def _everywhere(node: AvroType, field: str, change: Fields, done: dict[AvroType, AvroType]) -> AvroType:
    if node in done or not (node.inner or node.fields):
        return done.get(node, node)
    copy = done[node] = replace(node)
    copy.inner = tuple(_everywhere(inner, field, change, done) for inner in node.inner)
    fields = tuple(_with_type(item, _everywhere(item.type, field, change, done)) for item in node.fields)
    copy.fields = fields
    if any(item.name == field for item in fields):
        copy.fields = change(copy)
    return copy


def copied(node: AvroType, done: dict[AvroType, AvroType]) -> AvroType:
    """Return a copy of a graph that may be changed; `done` gets the copy of each type that is no primitive."""
    if node.kind in PRIMITIVES:
        return node
    if node not in done:
        copy = done[node] = replace(node)
        copy.inner = tuple(copied(inner, done) for inner in node.inner)
        copy.fields = tuple(_with_type(item, copied(item.type, done)) for item in node.fields)
    return done[node]


def _with_type(item: AvroField, kind: AvroType) -> AvroField:
    return AvroField(item.name, kind, item.default, item.doc, item.aliases)
