"""Schemas from anybody: parsed once, within bounds, fingerprinted as Avro does."""

import json
from contextlib import suppress
from typing import Any

import fastavro.schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.avro_type import canonical_form
from promotion.domain.schema import MalformedSchema, parse
from tests.domain.strategies import schema_texts


def record(*fields: Any, name: str = "t.R", **extra: Any) -> str:
    return json.dumps({"type": "record", "name": name, "fields": list(fields), **extra})


@given(schema_texts())
def test_the_fingerprint_is_that_of_the_parsing_canonical_form(text: str) -> None:
    canonical = fastavro.schema.to_parsing_canonical_form(json.loads(text))
    assert canonical_form(parse(text).root) == canonical
    assert parse(text).fingerprint == fastavro.schema.fingerprint(canonical, "SHA-256")


def test_docs_defaults_and_aliases_do_not_change_the_fingerprint() -> None:
    plain = parse(record({"name": "a", "type": "int"}))
    rich = parse(record({"name": "a", "type": "int", "default": 1, "doc": "d"}, doc="d", aliases=["Old"]))
    assert plain.fingerprint == rich.fingerprint
    assert plain.sha256 != rich.sha256


def test_a_field_is_described_for_a_page() -> None:
    stamp = ["null", {"type": "long", "logicalType": "timestamp-millis"}]
    [item] = parse(record({"name": "at", "type": stamp, "default": None, "doc": "When."})).fields
    assert (item.name, item.type, item.doc, item.default, item.logical) == (
        "at", "one of null, long", "When.", "null", "timestamp-millis",
    )  # fmt: skip


def test_a_reference_is_the_type_itself() -> None:
    inner = {"type": "enum", "name": "E", "symbols": ["A"]}
    schema = parse(record({"name": "a", "type": inner}, {"name": "b", "type": "E"}, {"name": "c", "type": "t.E"}))
    fields = schema.root.fields
    assert fields[0].type is fields[1].type is fields[2].type
    assert fields[0].type.name == "t.E"


def test_a_type_may_contain_itself() -> None:
    schema = parse(record({"name": "next", "type": ["null", "R"]}))
    assert schema.root.fields[0].type.inner[1] is schema.root


def test_the_same_text_is_parsed_once() -> None:
    assert parse(record()) is parse(record())


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "1", "null", '"Nope"', "[]", '["int", ["null"]]', '["int", "int"]', '{"type": "array"}', "{}",
        '{"type": "record", "fields": []}', '{"type": "record", "name": "R"}', '{"type": "enum", "name": "E"}',
        '{"type": "enum", "name": "E", "symbols": ["a", "a"]}', '{"type": "enum", "name": "E", "symbols": ["a b"]}',
        '{"type": "fixed", "name": "F", "size": -1}', '{"type": "fixed", "name": "F", "size": 1e9}',
        '{"type": "fixed", "name": "F", "size": 99999999999}', '{"type": "record", "name": "a b", "fields": []}',
        '{"type": "record", "name": "int", "fields": []}', record({"name": "a"}), record({"type": "int"}), record(1),
        record({"name": "a.b", "type": "int"}), record({"name": "a", "type": "int"}, {"name": "a", "type": "int"}),
        record({"name": "a", "type": json.loads(record())}), '{"type": "map", "values": null}', "9" * 5_000,
        '{"type": "record", "name": "R", "namespace": 1, "fields": []}', '"\ud800"',
    ],
)  # fmt: skip
def test_a_text_that_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(MalformedSchema):
        parse(text)


_WORDS = st.sampled_from(["record", "enum", "fixed", "array", "map", "int", "null", "a.B", "B", "", "x y", 0, None])
_KEYS = st.sampled_from(
    ["type", "name", "namespace", "fields", "items", "values", "symbols", "size", "default", "aliases"]
)
_LIKE_SCHEMAS = st.recursive(_WORDS, lambda some: st.lists(some, max_size=3) | st.dictionaries(_KEYS, some, max_size=5))


@given(_LIKE_SCHEMAS)
def test_whatever_looks_like_a_schema_is_parsed_or_refused(raw: Any) -> None:
    with suppress(MalformedSchema):
        parse(json.dumps(raw))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"type":"array","items":' * 40_000,
        '{"type":"array","items":' * 100 + '"int"' + "}" * 100,
        '"' + "x" * 2_000_000 + '"',
        record(*({"name": f"f{n}", "type": "int"} for n in range(20_001))),
        json.dumps({"type": "enum", "name": "E", "symbols": [f"s{n}" for n in range(20_001)]}),
        json.dumps({"type": "record", "name": "n" * 600, "fields": []}),
    ],
    ids=["brackets", "cut", "deep", "large", "fields", "symbols", "name"],
)
def test_a_schema_beyond_the_bounds_is_refused_quickly(text: str) -> None:
    with pytest.raises(MalformedSchema):
        parse(text)


def test_a_message_says_where_and_holds_no_more_than_a_short_name() -> None:
    with pytest.raises(MalformedSchema, match=r"^\$\.fields\[0\]\.type: the type 'x+"):
        parse(record({"name": "a", "type": "x" * 10_000}))
