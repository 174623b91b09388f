"""Avro's JSON encoding: exact both ways, every problem named."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion.domain.decode import Limits
from promotion.domain.json_codec import (
    DoesNotFit,
    MalformedJson,
    from_json,
    from_json_value,
    parse_json,
    search_document,
    search_json,
    to_json,
    to_json_value,
)
from promotion.domain.json_text import exact_text
from promotion.domain.schema import Schema, parse
from tests.domain.strategies import Datum, data, data_of, json_values, schema_texts

CATALOGUE = sorted((Path(__file__).parents[2] / "schemas").glob("*.avsc"))


def record(*types: Any, **defaults: Any) -> Schema:
    fields = [{"name": f"f{n}", "type": item} for n, item in enumerate(types)]
    for item in fields:
        if item["name"] in defaults:
            item["default"] = defaults[item["name"]]
    return parse(json.dumps({"type": "record", "name": "t.R", "fields": fields}))


def problems(schema: Schema, value: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(DoesNotFit) as caught:
        from_json_value(schema, value)
    return [(item.path, item.expected, item.found) for item in caught.value.found]


@given(data())
def test_what_was_not_edited_comes_back_byte_for_byte(datum: Datum) -> None:
    assert from_json(datum.schema, to_json(datum.schema, datum.body)) == datum.body


@given(data())
def test_the_json_value_is_the_one_of_avros_json_encoding(datum: Datum) -> None:
    assert repr(to_json_value(datum.schema, datum.body)) == repr(datum.json_value)


@pytest.mark.parametrize("path", CATALOGUE, ids=lambda path: path.stem.rpartition(".")[2])
@settings(max_examples=5)
@given(st.data())
def test_every_type_of_the_catalogue_comes_back_byte_for_byte(path: Path, data: st.DataObject) -> None:
    datum = data.draw(data_of(parse(path.read_text())))
    assert from_json(datum.schema, to_json(datum.schema, datum.body)) == datum.body


@given(schema_texts(), json_values())
def test_any_json_either_fits_and_can_be_read_or_is_refused_with_a_path(text: str, value: Any) -> None:
    schema = parse(text)
    try:
        body = from_json_value(schema, value)
    except DoesNotFit as refusal:
        paths = [item.path for item in refusal.found]
    else:
        paths = ["$"]
        assert from_json_value(schema, to_json_value(schema, body)) == body
    assert paths
    assert all(path.startswith("$") for path in paths)


def test_the_exact_branch_of_a_union_is_kept() -> None:
    schema = record(["int", "long", "float", "double"], ["string", {"type": "enum", "name": "t.E", "symbols": ["A"]}])
    for body in (b"\x02\x02" + b"\x02\x00", b"\x00\x02" + b"\x00\x02A", b"\x04" + struct.pack("<f", 1) + b"\x02\x00"):
        assert from_json(schema, to_json(schema, body)) == body
    assert to_json_value(schema, b"\x02\x02\x02\x00") == {"f0": {"long": 1}, "f1": {"t.E": "A"}}


def test_a_union_may_stand_without_its_branch() -> None:
    schema = record(["null", "long", "string"])
    assert from_json(schema, '{"f0": "x"}') == from_json(schema, '{"f0": {"string": "x"}}')
    assert from_json(schema, '{"f0": 5}') == from_json(schema, '{"f0": {"long": 5}}')
    assert from_json(schema, '{"f0": null}') == b"\0"


def test_a_long_keeps_every_digit() -> None:
    schema = record("long")
    for number in (2**53 + 1, 2**63 - 1, -(2**63)):
        assert json.loads(to_json(schema, from_json_value(schema, {"f0": number}))) == {"f0": number}


def test_a_nul_character_and_invisible_ones_survive_and_can_be_seen() -> None:
    schema = record("string")
    text = to_json(schema, from_json_value(schema, {"f0": "a\0b\u202ec\x85"}))
    assert all(escaped in text for escaped in ("\\u0000", "\\u202e", "\\u0085"))
    assert parse_json(text) == {"f0": "a\0b\u202ec\x85"}


def test_numbers_that_json_lacks_stand_as_strings() -> None:
    schema = record("double", "double", "float")
    value = {"f0": "NaN", "f1": "-Infinity", "f2": "Infinity"}
    assert to_json_value(schema, from_json_value(schema, value)) == value


def test_every_problem_is_reported_with_its_path() -> None:
    schema = parse((CATALOGUE[0].parent / "net.lightapi.portal.market.ApiRuleCreatedEvent.avsc").read_text())
    value = {"EventId": {"id": "u", "nonce": "abc"}, "hostId": 1, "ruleIds": ["a", None], "typo": True}
    assert problems(schema, value) == [
        ("$.EventId.nonce", "long", '"abc"'),
        ("$.hostId", "string", "1"),
        ("$.apiId", "string", "nothing"),
        ("$.ruleIds[1]", "string", "null"),
        ('$["typo"]', "no such field", "true"),
    ]


@pytest.mark.parametrize(
    ("avro_type", "value"),
    [
        ("int", 2**31), ("int", True), ("int", 1.0), ("long", "1"), ("long", 2**63), ("long", -(2**63) - 1),
        ("double", 2**53 + 1), ("double", "nan"), ("float", 1e300), ("boolean", 1), ("boolean", "true"),
        ("string", None), ("string", "\ud800"), ("bytes", "\u0100"), ("bytes", [1]), ("null", 0),
        ({"type": "fixed", "name": "F", "size": 2}, "abc"), ({"type": "enum", "name": "E", "symbols": ["A"]}, "B"),
        ({"type": "array", "items": "int"}, {}), ({"type": "map", "values": "int"}, []), (["null", "int"], "x"),
        (["null", "int"], {"int": "x"}), (["null", "int"], {"null": None}),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_problem(avro_type: Any, value: Any) -> None:
    [(path, *_)] = problems(record(avro_type), {"f0": value})
    assert path.startswith("$.f0")


def test_a_missing_field_takes_its_default() -> None:
    schema = record("string", ["null", "string"], {"type": "array", "items": "int"}, f0="x", f1=None, f2=[1])
    assert to_json_value(schema, from_json(schema, "{}")) == {"f0": "x", "f1": None, "f2": [1]}


def test_problems_inside_the_only_record_of_a_union_name_its_fields() -> None:
    schema = record(["null", {"type": "record", "name": "t.In", "fields": [{"name": "n", "type": "int"}]}])
    assert problems(schema, {"f0": {"n": "x"}}) == [("$.f0.n", "int", '"x"')]


def test_a_problem_shows_a_large_value_by_its_kind() -> None:
    [(_, _, found)] = problems(record("long"), {"f0": "x" * 10_000})
    assert len(found) < 100
    assert problems(record("long"), {"f0": [1, 2]})[0][2] == "an array of 2 items"


def test_no_more_problems_are_reported_than_are_read() -> None:
    schema = record({"type": "array", "items": "int"})
    assert len(problems(schema, {"f0": ["x"] * 10_000})) == Limits().max_problems


def test_ambiguous_unions_nested_deeply_end_in_a_problem_and_not_in_hours() -> None:
    fields = [{"name": "next", "type": ["null", "A", "B"]}, {"name": "end", "type": ["null", "int"], "default": None}]
    inner = {"type": "record", "name": "B", "fields": [{"name": "next", "type": ["null", "A", "B"]}, fields[1]]}
    schema = parse(json.dumps({"type": "record", "name": "A", "fields": [
        {"name": "next", "type": ["null", "A", inner]}, fields[1]]}))  # fmt: skip
    value: Any = {"next": None, "end": "x"}
    for _ in range(25):
        value = {"next": value}
    with pytest.raises(DoesNotFit):
        from_json_value(schema, value, Limits(max_values=50_000))


@pytest.mark.parametrize(
    "text",
    ["{", '{"a": 1, "a": 2}', "NaN", "[Infinity]", "1e999", "9" * 5_000, "[" * 100_000, "[" * 201 + "]" * 201,
     '{"a":' * 5_000, b"\xff", ""],
    ids=["cut", "twice", "nan", "infinity", "range", "digits", "deep", "limit", "objects", "utf8", "empty"],
)  # fmt: skip
def test_text_that_is_not_json_or_loses_its_meaning_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_json(text)


def test_a_byte_order_mark_before_json_is_named() -> None:
    with pytest.raises(MalformedJson, match="BOM"):
        parse_json("\ufeff1")


@settings(max_examples=300)
@given(json_values().filter(lambda value: "nan" not in repr(value) and "inf" not in repr(value)))
def test_the_exact_text_of_a_value_is_read_back_as_that_value(value: Any) -> None:
    text = exact_text(value)
    assert text is None or repr(parse_json(text)) == repr(value)


@given(data())
def test_an_event_whose_exact_text_is_given_back_has_the_same_body(datum: Datum) -> None:
    text = exact_text(datum.json_value)
    assert text is None or from_json_value(datum.schema, parse_json(text)) == datum.body


def test_values_that_differ_have_different_exact_texts_or_none() -> None:
    values = [
        None, "null", True, "true", 1, 1.0, "1", 0, 0.0, -0.0, False, [], {}, [[]], {"a": 1, "b": 2}, {"b": 2, "a": 1},
        2**53, 2.0**53, 2**53 + 1, 2**64 - 1, 1e300, "\u2028", "\\u2028", 5e-324,
    ]  # fmt: skip
    texts = [exact_text(value) for value in values]
    assert None not in texts
    assert len(set(texts)) == len(values)
    assert [exact_text(value) for value in (2**64, -(2**63) - 1, "\ud800", {"\udfff": 1})] == [None] * 4


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    assert parse_json(json.dumps(["[" * 1000, '\\"[']))[0] == "[" * 1000


def test_json_beyond_the_limit_is_refused() -> None:
    with pytest.raises(MalformedJson, match="larger"):
        parse_json('"' + "x" * 100 + '"', Limits(max_json_bytes=50))


@given(data())
def test_the_search_document_is_what_jsonb_accepts(datum: Datum) -> None:
    text = search_json(datum.schema, datum.tree)
    assert "\\u0000" not in text.replace("\\\\", "")
    assert text.encode()
    json.loads(text, parse_constant=lambda name: pytest.fail(name))


def by_json_alone(schema: Schema, tree: Any, most: int) -> str:
    """What search_json would be without a second library."""
    try:
        text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError):
        text = "\\u0000"
    if "\\u0000" in text or len(text) > most:
        return json.dumps(search_document(schema, tree, most), ensure_ascii=False, separators=(",", ":"))
    return text


@settings(max_examples=300)
@given(data(), st.integers(0, 200))
def test_the_search_document_is_the_same_text_whatever_writes_it(datum: Datum, most: int) -> None:
    for limit in (most, 256 * 1024):
        assert search_json(datum.schema, datum.tree, limit) == by_json_alone(datum.schema, datum.tree, limit)


def test_the_search_document_has_every_character_as_json_writes_it() -> None:
    schema = record("string", "long")
    for start in range(0, 0x110000, 0x400):
        text = "".join(map(chr, range(start, start + 0x400)))
        for each in (text, text + "\\u0000", text.replace("\0", "")):
            assert search_json(schema, {"f0": each}) == by_json_alone(schema, {"f0": each}, 256 * 1024)
    for number in (0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, -(2**200)):
        assert search_json(schema, {"f1": number}) == by_json_alone(schema, {"f1": number}, 256 * 1024)


def test_the_search_document_names_numbers_that_are_none_wherever_they_are() -> None:
    for inner in ("float", {"type": "array", "items": ["null", "double"]}, {"type": "map", "values": "double"}):
        schema = record("string", inner)
        assert schema.decoders.floats
        for tree in ({"f1": math.nan}, {"f1": [None, math.inf]}, {"f1": {"a": -math.inf, "b": 1e-7, "c": 1e22}}):
            assert search_json(schema, tree) == by_json_alone(schema, tree, 256 * 1024)
            assert ":null" not in search_json(schema, tree)
    assert not record("string", "long").decoders.floats


def test_the_search_document_replaces_only_what_jsonb_refuses() -> None:
    schema = record("string", "bytes", "double", "string")
    tree = {"f0": "a\0b", "f1": b"\xff", "f2": math.nan, "f3": "\\u0000 \U0001f600"}
    assert search_document(schema, tree) == {"f0": "a\ufffdb", "f1": "\xff", "f2": "NaN", "f3": "\\u0000 \U0001f600"}
    assert json.loads(search_json(schema, tree)) == search_document(schema, tree)
    assert search_document(schema, {"f0": "a\ud800b"}) == {"f0": "a\ufffdb"}


def test_the_search_document_of_a_huge_event_is_small() -> None:
    schema = record({"type": "array", "items": "string"}, "string")
    tree = {"f0": ["x" * 100] * 100_000, "f1": "y" * 1_000_000}
    assert len(search_json(schema, tree, most=10_000)) < 12_000
