"""What an editor has to know of a schema to help with its JSON: bounded, and small enough to go along with a page."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.octets import visible

#: Types that are described, characters of a doc and of a default, symbols of an enum.
MOST_TYPES, MOST_DOC, MOST_DEFAULT, MOST_SYMBOLS = 600, 400, 120, 200
#: Characters of everything that people wrote into the schema: names, docs, defaults, symbols.
MOST_CHARACTERS = 120_000
#: Stands for a type that is not described any more.
BEYOND = -1


def describe_schema(root: AvroType) -> list[dict[str, Any]]:
    """Return the types of the graph of `root`, itself first; where one names another, it does so by its index.

    A type has `kind` and `says` (what is expected, for a person), and as far as it has them `tag` (as a union's branch
    in Avro's JSON encoding), `logical`, `symbols`, `inner` (indexes) and `fields`, each `[name, index, doc, default]`
    with None for no default, else its JSON text. What is near the root comes first; a type beyond the bounds has the
    index -1. A record that contains itself is there once.
    """
    return _Describer().types(root)


class _Describer:
    def __init__(self) -> None:
        self._indexes: dict[object, int] = {}
        self._waiting: deque[AvroType] = deque()
        self._left = MOST_CHARACTERS

    def types(self, root: AvroType) -> list[dict[str, Any]]:
        self._index(root)
        found: list[dict[str, Any]] = []
        while self._waiting:
            found.append(self._type(self._waiting.popleft()))
        return found

    def _index(self, node: AvroType) -> int:
        # A primitive stands in many fields: one description does for all of its kind.
        key = id(node) if node.name or node.inner or node.fields else (node.kind, node.logical)
        if key not in self._indexes:
            if len(self._indexes) >= MOST_TYPES or self._left <= 0:
                return BEYOND
            self._indexes[key] = len(self._indexes)
            self._waiting.append(node)
        return self._indexes[key]

    def _type(self, node: AvroType) -> dict[str, Any]:
        about: dict[str, Any] = {"kind": node.kind, "says": self._text(str(node), MOST_DOC), "tag": node.tag}
        if node.logical:
            about["logical"] = self._text(node.logical, MOST_DOC)
        if node.symbols:
            about["symbols"] = [self._text(each, MOST_DOC) for each in node.symbols[:MOST_SYMBOLS] if self._left > 0]
        if node.inner:
            about["inner"] = [self._index(each) for each in node.inner]
        if node.fields:
            about["fields"] = [self._field(each) for each in node.fields if self._left > 0]
        return about

    def _field(self, item: AvroField) -> list[Any]:
        default = self._text(json.dumps(item.default), MOST_DEFAULT) if item.has_default else None
        return [self._text(item.name, MOST_DOC), self._index(item.type), self._text(item.doc, MOST_DOC), default]

    def _text(self, text: str, most: int) -> str:
        cut = visible(text if len(text) <= most else f"{text[:most]}…")
        self._left -= len(cut)
        return cut
