"""From the writer's schema to the target's latest, without a loss."""

import io
import json
import struct
from typing import Any

import fastavro
import pytest
from hypothesis import given

from promotion.domain.decode import MalformedValue, decode
from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.resolve import Unresolvable, resolve
from promotion.domain.schema import Schema, parse
from tests.domain.strategies import Datum, data, schema_texts, varint


def record(*fields: dict[str, Any], name: str = "t.R", **extra: Any) -> Schema:
    return parse(json.dumps({"type": "record", "name": name, "fields": list(fields), **extra}))


def field(name: str, avro_type: Any, **extra: Any) -> dict[str, Any]:
    return {"name": name, "type": avro_type, **extra}


def resolved(writer: Schema, reader: Schema, value: Any) -> Any:
    return to_json_value(reader, resolve(from_json_value(writer, value), writer, reader))


def refused(writer: Schema, reader: Schema, body: bytes) -> list[str]:
    with pytest.raises(Unresolvable) as caught:
        resolve(body, writer, reader)
    return [item.path for item in caught.value.found]


@given(data())
def test_equal_fingerprints_keep_every_byte(datum: Datum) -> None:
    documented = parse(json.dumps({**json.loads(datum.schema.text), "doc": "new"}))
    assert resolve(datum.body, datum.schema, documented) is datum.body


@given(data())
def test_an_added_default_is_all_that_is_added(datum: Datum) -> None:
    raw = json.loads(datum.schema.text)
    reader = parse(json.dumps({**raw, "fields": [field("added", ["null", "int"], default=None), *raw["fields"]]}))
    assert resolve(datum.body, datum.schema, reader) == b"\0" + datum.body
    assert refused(reader, datum.schema, b"\0" + datum.body) == ["$.added"]


@given(data(), schema_texts())
def test_any_two_schemas_end_in_a_value_of_the_readers_or_a_refusal(datum: Datum, text: str) -> None:
    try:
        body = resolve(datum.body, datum.schema, parse(text))
    except Unresolvable as refusal:
        paths = [item.path for item in refusal.found]
    else:
        paths = list(decode(parse(text), body)) or ["$"]
    assert paths


@pytest.mark.parametrize(
    ("writer", "reader", "before", "after"),
    [
        ("int", "long", 5, 5), ("int", "double", 5, 5.0), ("long", "double", 2**53, 2.0**53), ("int", "float", 5, 5.0),
        ("float", "double", 0.5, 0.5), ("string", "bytes", "\xfc", "\xc3\xbc"), ("bytes", "string", "\xc3\xbc", "\xfc"),
        ("int", ["null", "long"], 5, {"long": 5}), (["null", "int"], ["int", "null"], {"int": 5}, {"int": 5}),
        (["int", "string"], ["string", "long"], {"int": 5}, {"long": 5}), (["null", "int"], "int", {"int": 5}, 5),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, [1, 2], [1, 2]),
        ({"type": "map", "values": "int"}, {"type": "map", "values": ["null", "int"]}, {"k": 1}, {"k": {"int": 1}}),
        ("int", ["double", "int"], 5, {"int": 5}),
    ],
)  # fmt: skip
def test_what_is_wider_takes_the_value(writer: Any, reader: Any, before: Any, after: Any) -> None:
    assert resolved(record(field("a", writer)), record(field("a", reader)), {"a": before}) == {"a": after}


def test_an_enum_keeps_its_symbol_where_the_order_changed() -> None:
    old = {"type": "enum", "name": "t.E", "symbols": ["A", "B"]}
    new = {"type": "enum", "name": "t.E", "symbols": ["C", "B", "A"], "default": "C"}
    assert resolved(record(field("a", old)), record(field("a", new)), {"a": "A"}) == {"a": "A"}
    assert refused(record(field("a", new)), record(field("a", old)), b"\0") == ["$.a"]


def test_aliases_rename_fields_and_types() -> None:
    old = record(field("a", {"type": "record", "name": "t.Old", "fields": []}), name="t.Was")
    new = record(field("b", {"type": "record", "name": "t.New", "aliases": ["Old"], "fields": []}, aliases=["a"]),
                 name="t.Is", aliases=["t.Was"])  # fmt: skip
    assert resolved(old, new, {"a": {}}) == {"b": {}}


@pytest.mark.parametrize(
    ("writer", "reader", "body"),
    [
        ("string", "int", b"\2a"), ("bytes", "string", b"\2\x80"),
        ("long", "int", b"\2"), ("double", "float", struct.pack("<d", 1)),
        ("long", "double", varint(2**53 + 1)), ("int", "float", varint(2**24 + 1)), (["null", "int"], "int", b"\0"),
        (["null", "int"], ["null", "string"], b"\2\2"), ("null", ["int", "string"], b""),
        ({"type": "fixed", "name": "t.F", "size": 1}, {"type": "fixed", "name": "t.F", "size": 2}, b"x"),
        ({"type": "record", "name": "t.A", "fields": []}, {"type": "record", "name": "t.B", "fields": []}, b""),
        ({"type": "record", "name": "u.A", "fields": []}, {"type": "record", "name": "t.A", "fields": []}, b""),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_path(writer: Any, reader: Any, body: bytes) -> None:
    assert refused(record(field("a", writer)), record(field("a", reader)), body) == ["$.a"]


def test_every_problem_is_reported_also_inside() -> None:
    inner = {"type": "record", "name": "t.In", "fields": [field("gone", "string"), field("kept", "int")]}
    fewer = {"type": "record", "name": "t.In", "fields": [field("kept", "int")]}
    writer = record(field("list", {"type": "array", "items": inner}), field("x", "string"))
    reader = record(field("list", {"type": "array", "items": fewer}), field("x", "int"), field("needed", "string"))
    body = from_json_value(writer, {"list": [{"gone": "", "kept": 1}], "x": "y"})
    assert refused(writer, reader, body) == ["$.list[0].gone", "$.x", "$.needed"]


def test_a_type_in_another_namespace_is_refused_with_a_hint() -> None:
    with pytest.raises(Unresolvable) as caught:
        resolve(b"\2", record(field("a", "int"), name="market.R"), record(field("a", "long"), name="config.R"))
    assert "alias" in caught.value.hint
    assert "market.R" in caught.value.message


def test_two_of_the_writers_fields_never_share_one_of_the_readers() -> None:
    writer = record(field("a", "int"), field("b", "int"))
    reader = record(field("c", "int", aliases=["a", "b"]))
    assert refused(writer, reader, b"\2\4") == ["$.b"]


def test_a_malformed_body_is_malformed_and_not_unresolvable() -> None:
    writer, reader = record(field("a", "int")), record(field("a", "long"))
    for body in (b"", b"\2\2", varint(2**40)):
        with pytest.raises(MalformedValue):
            resolve(body, writer, reader)


def test_a_default_that_does_not_fit_is_the_targets_problem() -> None:
    assert refused(record(), record(field("a", "int", default="x")), b"") == ["$.a"]


def test_hostile_depth_and_counts_are_refused() -> None:
    writer = record(field("next", ["null", "t.R"]))
    reader = record(field("next", ["null", "t.R"]), field("n", "int", default=0))
    with pytest.raises(MalformedValue, match="64 deep"):
        resolve(b"\2" * 100_000, writer, reader)
    nulls = record(field("a", {"type": "array", "items": "null"}))
    more = record(field("a", {"type": "array", "items": "null"}), field("n", "int", default=0))
    with pytest.raises(MalformedValue, match="1,000,000 values"):
        resolve(varint(2**40), nulls, more)


def test_defaults_that_multiply_are_refused() -> None:
    empty = {"type": "record", "name": "t.In", "fields": []}
    full = {"type": "record", "name": "t.In", "fields": [field("d", "string", default="x" * 100_000)]}
    writer = record(field("a", {"type": "array", "items": empty}))
    reader = record(field("a", {"type": "array", "items": full}))
    with pytest.raises(Unresolvable):
        resolve(varint(1_000) + b"\0", writer, reader)


def test_fastavro_agrees_where_it_resolves() -> None:
    writer = record(field("a", "int"), field("b", ["null", "string"]))
    reader = record(field("b", ["string", "null"]), field("a", "double"), field("c", "string", default="x"))
    body = from_json_value(writer, {"a": 3, "b": "y"})
    expected = fastavro.schemaless_reader(io.BytesIO(body), json.loads(writer.text), json.loads(reader.text))
    assert decode(reader, resolve(body, writer, reader)) == expected
