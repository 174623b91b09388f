"""Random Avro schemas with data, encoded by a second, simple encoder, so that no test trusts what it tests."""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from promotion.domain.record import Headers
from promotion.domain.schema import Schema, parse

INTS = st.integers(-(2**31), 2**31 - 1)
LONGS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


@dataclass(frozen=True)
class Datum:
    """A value of a schema in its three forms: the Avro body, the plain tree, the value of Avro's JSON encoding."""

    schema: Schema
    body: bytes
    tree: Any
    json_value: Any


@dataclass(frozen=True)
class _Encoded:
    body: bytes
    tree: Any
    json_value: Any


def varint(number: int) -> bytes:
    """Encode a number as Avro does."""
    bits = number * 2 if number >= 0 else -number * 2 - 1
    out = []
    while bits >= 128:
        out.append(bits % 128 + 128)
        bits //= 128
    return bytes([*out, bits])


@st.composite
def schema_texts(draw: st.DrawFn, depth: int = 3) -> str:
    """Texts of schemas of a record, without recursion."""
    return json.dumps(draw(_record_schemas(_Names(), depth)))


@st.composite
def data(draw: st.DrawFn, depth: int = 3) -> Datum:
    """Random records of random schemas."""
    text = draw(schema_texts(depth))
    encoded = draw(_values(json.loads(text)))
    return Datum(parse(text), encoded.body, encoded.tree, encoded.json_value)


@st.composite
def data_of(draw: st.DrawFn, schema: Schema) -> Datum:
    """Random records of one schema."""
    encoded = draw(_values(json.loads(schema.text)))
    return Datum(schema, encoded.body, encoded.tree, encoded.json_value)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Datum, Datum]:
    """Two random records of one random schema."""
    schema = parse(draw(schema_texts()))
    return draw(data_of(schema)), draw(data_of(schema))


def json_values() -> st.SearchStrategy[Any]:
    """Random JSON values, some of which look like those of a random schema."""
    keys = st.one_of(st.sampled_from(["f0", "f1", "string", "int", "long", "test.R2", "test.E1", "array"]), TEXTS)
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.sampled_from(["RED", "NaN"]))
    return st.recursive(leaves, lambda some: st.lists(some, max_size=3) | st.dictionaries(keys, some, max_size=3))


def headers() -> st.SearchStrategy[Headers]:
    """Random headers, some of them named like ours."""
    ours = ["promotion.id"] + [
        f"promotion.{hop}.{part}"
        for hop in ("source", "origin")
        for part in ("environment", "cluster", "topic", "partition", "offset", "sha256")
    ]
    names = st.one_of(st.sampled_from(ours), TEXTS)
    values = st.one_of(st.none(), st.binary(max_size=20), st.just(b"0"), st.just(b"a" * 64))
    return st.lists(st.tuples(names, values), max_size=20).map(tuple)


class _Names:
    def __init__(self) -> None:
        self.count = 0

    def next(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"


@st.composite
def _record_schemas(draw: st.DrawFn, names: _Names, depth: int) -> dict[str, Any]:
    name = names.next("test.R")
    types = draw(st.lists(st.integers(0, 9), min_size=0 if depth < 3 else 1, max_size=4))
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": f"f{n}", "type": draw(_schemas(names, depth - 1))} for n, _ in enumerate(types)],
    }


@st.composite
def _schemas(draw: st.DrawFn, names: _Names, depth: int, in_union: bool = False) -> Any:
    kinds = [*PRIMITIVES, "enum", "fixed", "logical"]
    if depth > 0:
        kinds += ["array", "map", "record"] + ([] if in_union else ["union"])
    match draw(st.sampled_from(kinds)):
        case "enum":
            return {"type": "enum", "name": names.next("test.E"), "symbols": ["RED", "GREEN", "BLUE"]}
        case "fixed":
            return {"type": "fixed", "name": names.next("test.F"), "size": draw(st.integers(0, 5))}
        case "logical":
            return {"type": "long", "logicalType": "timestamp-millis"}
        case "array":
            return {"type": "array", "items": draw(_schemas(names, depth - 1))}
        case "map":
            return {"type": "map", "values": draw(_schemas(names, depth - 1))}
        case "record":
            return draw(_record_schemas(names, depth))
        case "union":
            branches = draw(st.lists(_schemas(names, depth - 1, in_union=True), min_size=1, max_size=4))
            return list({_tag(branch): branch for branch in branches}.values())
        case primitive:
            return primitive


def _tag(schema: Any) -> str:
    if isinstance(schema, str):
        return schema
    name: str = schema.get("name", schema["type"])
    return name if "." in name or "namespace" not in schema else f"{schema['namespace']}.{name}"


@st.composite
def _values(draw: st.DrawFn, schema: Any) -> _Encoded:
    if isinstance(schema, list):
        index = draw(st.integers(0, len(schema) - 1))
        inside = draw(_values(schema[index]))
        tagged = None if schema[index] == "null" else {_tag(schema[index]): inside.json_value}
        return _Encoded(varint(index) + inside.body, inside.tree, tagged)
    kind = schema if isinstance(schema, str) else schema["type"]
    match kind:
        case "record":
            fields = {item["name"]: draw(_values(item["type"])) for item in schema["fields"]}
            return _Encoded(
                b"".join(part.body for part in fields.values()),
                {name: part.tree for name, part in fields.items()},
                {name: part.json_value for name, part in fields.items()},
            )
        case "array":
            items = draw(st.lists(_values(schema["items"]), max_size=3))
            return _Encoded(
                (varint(len(items)) + b"".join(item.body for item in items) if items else b"") + b"\0",
                [item.tree for item in items],
                [item.json_value for item in items],
            )
        case "map":
            entries = draw(st.dictionaries(TEXTS, _values(schema["values"]), max_size=3))
            body = b"".join(_string(key) + item.body for key, item in entries.items())
            return _Encoded(
                (varint(len(entries)) + body if entries else b"") + b"\0",
                {key: item.tree for key, item in entries.items()},
                {key: item.json_value for key, item in entries.items()},
            )
        case "enum":
            index = draw(st.integers(0, len(schema["symbols"]) - 1))
            return _Encoded(varint(index), schema["symbols"][index], schema["symbols"][index])
        case "fixed":
            octets = draw(st.binary(min_size=schema["size"], max_size=schema["size"]))
            return _Encoded(octets, octets, octets.decode("latin-1"))
        case _:
            return _primitive(kind, draw(_PRIMITIVES[kind]))


_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": INTS,
    "long": LONGS,
    "float": st.floats(width=32),
    "double": st.floats(),
    "bytes": st.binary(max_size=8),
    "string": TEXTS,
}


def _primitive(kind: str, value: Any) -> _Encoded:
    match kind:
        case "null":
            return _Encoded(b"", None, None)
        case "boolean":
            return _Encoded(b"\1" if value else b"\0", value, value)
        case "int" | "long":
            return _Encoded(varint(value), value, value)
        case "float" | "double":
            value = math.nan if math.isnan(value) else value  # the one NaN that JSON can name
            shown = (
                value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
            )
            return _Encoded(struct.pack("<f" if kind == "float" else "<d", value), value, shown)
        case "bytes":
            return _Encoded(varint(len(value)) + value, value, value.decode("latin-1"))
        case _:
            return _Encoded(_string(value), value, value)


def _string(text: str) -> bytes:
    return varint(len(text.encode())) + text.encode()
