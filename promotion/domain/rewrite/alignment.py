"""What a structural rule has made of an event, brought into the target's schema without a loss."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from promotion.domain.avro_type import AvroField, AvroType, logical_types
from promotion.domain.encode import Encoder, TooMuch
from promotion.domain.json_codec import DoesNotFit
from promotion.domain.limits import DEFAULT_LIMITS
from promotion.domain.resolve import resolve
from promotion.domain.rewrite.fitting import GIVEN
from promotion.domain.rewrite.shapes import copied
from promotion.domain.schema import Schema


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """The changed shape as a writer's schema, and the target's as its reader's. `homeless`: set fields it lacks."""

    writer: Schema
    reader: Schema
    homeless: tuple[str, ...]

    def written(self, tree: Any) -> bytes:
        """Return the tree as the target's schema has it; DoesNotFit or Unresolvable with every problem."""
        encoder = Encoder(DEFAULT_LIMITS)
        with suppress(TooMuch):  # it has left a problem
            encoder.write(self.writer.root, tree, None)
        if encoder.failures:
            raise DoesNotFit(self.writer, encoder.problems)
        return resolve(bytes(encoder.out), self.writer, self.reader)


def align(shape: AvroType, target: Schema, moved: bool) -> Alignment:
    """Return how events of `shape` become events of `target`.

    A field that a rule has set takes the type that the target gives it. With `moved`, when a rule has given the event
    another type, named types inside may come from another namespace too: they are the same by their short names.
    """
    copies: dict[AvroType, AvroType] = {}
    writer, reader = copied(shape, copies), copied(target.root, {}) if moved else target.root
    _Pairing(moved).pair(writer, reader)
    homeless = tuple(item.name for record in copies.values() for item in record.fields if item.type.kind == GIVEN)
    return Alignment(_schema(writer), _schema(reader), homeless)


class _Pairing:
    def __init__(self, moved: bool) -> None:
        self._moved = moved
        self._seen: set[tuple[AvroType, AvroType]] = set()

    def pair(self, writer: AvroType, reader: AvroType) -> None:
        if (writer, reader) in self._seen:
            return
        self._seen.add((writer, reader))
        if writer.kind == "union" or reader.kind == "union":
            for one in writer.inner if writer.kind == "union" else (writer,):
                for other in reader.inner if reader.kind == "union" else (reader,):
                    self.pair(one, other)
        elif writer.kind == reader.kind and self._same_name(writer, reader):
            for one, other in zip(writer.inner, reader.inner, strict=True):
                self.pair(one, other)
            self._fields(writer, reader)

    def _same_name(self, writer: AvroType, reader: AvroType) -> bool:
        if writer.name == reader.name or writer.name in reader.aliases:
            return True
        if self._moved and writer.name.rpartition(".")[2] == reader.name.rpartition(".")[2]:
            reader.aliases += (writer.name,)
            return True
        return False

    def _fields(self, writer: AvroType, reader: AvroType) -> None:
        for item in writer.fields:
            target = _target(item, reader)
            if target is not None and item.type.kind == GIVEN:
                item.type = target.type
            elif target is not None:
                self.pair(item.type, target.type)


def _target(item: AvroField, reader: AvroType) -> AvroField | None:
    by_alias = (other for other in reader.fields if item.name in other.aliases)
    return next((other for other in reader.fields if other.name == item.name), None) or next(by_alias, None)


def _schema(root: AvroType) -> Schema:
    """A schema without a text. It has no fingerprint either, so that it never passes for another one."""
    return Schema(
        text="",
        full_name=root.tag,
        sha256="",
        fingerprint=f"shape {id(root)}",
        meaning=logical_types(root),
        fields=(),
        root=root,
    )
