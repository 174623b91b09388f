"""A schema's text, parsed once: immutable, bounded, cheap to keep."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache

from promotion.domain.avro_type import AvroField, AvroType, canonical_form, logical_types
from promotion.domain.decoders import Decoders
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
    ignores docs, defaults, aliases and logical types; `meaning` has the logical types, in the form's order. `fields`
    are a record's, for a page; `root` is the type graph, which does not change from here on; `decoders` is what
    reading tries first.
    """

    text: str
    full_name: str
    sha256: str
    fingerprint: str
    meaning: tuple[str, ...]
    fields: tuple[FieldInfo, ...]
    root: AvroType
    decoders: Decoders = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoders", Decoders(self.root))

    def reads_like(self, other: Schema) -> bool:
        """Whether both read every body alike, to its logical types; docs, defaults and aliases may differ."""
        return (self.fingerprint, self.meaning) == (other.fingerprint, other.meaning)

    def __repr__(self) -> str:
        return f"Schema({self.full_name}, {self.fingerprint[:12]})"


@lru_cache(maxsize=512)
def parse(text: str) -> Schema:
    """Return the schema of `text` (JSON, at most 1 MiB of UTF-8); MalformedSchema says where it is wrong."""
    root = parse_type(text)
    return Schema(
        text=text,
        full_name=root.tag,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        fingerprint=hashlib.sha256(canonical_form(root).encode()).hexdigest(),
        meaning=logical_types(root),
        fields=tuple(_field_info(item) for item in root.fields),
        root=root,
    )


def _field_info(item: AvroField) -> FieldInfo:
    default = json.dumps(item.default) if item.has_default else None
    logical = item.type.logical or next((branch.logical for branch in item.type.inner if branch.logical), "")
    return FieldInfo(item.name, str(item.type), item.doc, default, logical)
