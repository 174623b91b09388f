"""A schema's text, parsed once: immutable, bounded, cheap to keep."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from promotion.domain.avro_type import AvroField, AvroType, canonical_form
from promotion.domain.cost import Cost, cost_of
from promotion.domain.schema_parser import MAX_TEXT_BYTES, MalformedSchema, parse_type

__all__ = ["MAX_TEXT_BYTES", "FieldInfo", "MalformedSchema", "Schema", "parse"]


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What a page shows of a top-level field. `default` is JSON text, None where the field has none."""

    name: str
    type: str
    doc: str
    default: str | None
    logical: str


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A writer's or reader's schema. Two of the same text are the same object as long as the cache holds them.

    `text` is as given, `sha256` its hash (hex), `fingerprint` the hex SHA-256 of the Parsing Canonical Form, which
    ignores docs, defaults and aliases. `root` is the type graph; `parsed` is what fastavro takes, without logical
    types, so that a timestamp stays a long and a decimal its bytes; it is None where fastavro cannot express the
    names. `cost` says what a value may cost, see promotion/domain/cost.py. `int_fields` are the top-level fields of
    type int, None where an int stands deeper.
    """

    text: str
    full_name: str
    sha256: str
    fingerprint: str
    fields: tuple[FieldInfo, ...]
    root: AvroType
    parsed: Any
    cost: Cost
    int_fields: tuple[str, ...] | None

    def __repr__(self) -> str:
        return f"Schema({self.full_name}, {self.fingerprint[:12]})"


@lru_cache(maxsize=512)
def parse(text: str) -> Schema:
    """Return the schema of `text` (JSON, at most 1 MiB of UTF-8); MalformedSchema says where it is wrong."""
    root = parse_type(text)
    canonical = canonical_form(root)
    return Schema(
        text=text,
        full_name=root.tag,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        fingerprint=hashlib.sha256(canonical.encode()).hexdigest(),
        fields=tuple(_field_info(item) for item in root.fields),
        root=root,
        parsed=_for_fastavro(canonical),
        cost=cost_of(root),
        int_fields=_int_fields(root),
    )


def _field_info(item: AvroField) -> FieldInfo:
    default = json.dumps(item.default) if item.has_default else None
    logical = item.type.logical or next((branch.logical for branch in item.type.inner if branch.logical), "")
    return FieldInfo(item.name, str(item.type), item.doc, default, logical)


def _for_fastavro(canonical: str) -> Any:
    """The canonical form has neither logical types nor defaults, which fastavro would act on or object to."""
    try:
        return fastavro.parse_schema(json.loads(canonical))
    except (SchemaParseException, UnknownType):  # a name without namespace inside one with a namespace
        return None


def _int_fields(root: AvroType) -> tuple[str, ...] | None:
    """fastavro does not check that an int fits 32 bits, so its callers must know where the ints are."""
    if root.kind == "int":
        return None
    direct = tuple(item.name for item in root.fields if item.type.kind == "int")
    return direct if sum(_uses_of_int(root, set())) == len(direct) else None


def _uses_of_int(node: AvroType, seen: set[int]) -> Iterator[int]:
    for inner in (*node.inner, *(item.type for item in node.fields)):
        if inner.kind == "int":
            yield 1
        elif id(inner) not in seen:
            seen.add(id(inner))
            yield from _uses_of_int(inner, seen)
