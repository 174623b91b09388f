"""Decoders made for a schema: whatever the bytes are, they say what the Walker says, or leave it to say so."""

import json
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.decode import decode, read
from promotion.domain.decoder_source import MAX_DEPTH, MAX_NODES, DecoderSource, Unfit
from promotion.domain.decoders import GAVE_UP, WORTH, compiled
from promotion.domain.event_id_body import Spans, read_event_id, spans
from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.schema import Schema, parse
from promotion.domain.walk import JsonWalker, Walker
from promotion.domain.wire import MalformedValue
from tests.domain.strategies import Datum, data, data_of, schema_texts, varint
from tests.domain.test_decode import HOSTILE

DECODERS = ("plain", "as_json", "head", "spans")
CATALOGUE = sorted((Path(__file__).parents[2] / "schemas").glob("*.avsc"))
SMALL = st.builds(
    Limits, max_value_bytes=st.integers(0, 60), max_values=st.integers(0, 40), max_depth=st.integers(0, 8)
)


FEWER = Limits(max_values=10_000)


def record(*types: Any) -> Schema:
    fields = [{"name": f"f{n}", "type": item} for n, item in enumerate(types)]
    return parse(json.dumps({"type": "record", "name": "t.R", "fields": fields}))


LISTED = record(["null", "t.R"], {"type": "array", "items": "t.R"}, {"type": "map", "values": ["int", "t.R"]})
MUTUAL = record("string", {"type": "record", "name": "t.S", "fields": [
    {"name": "back", "type": {"type": "array", "items": ["null", "t.R", "t.S"]}}]})  # fmt: skip
RECURSIVE = (record(["null", "t.R"]), LISTED, MUTUAL)


@st.composite
def corrupted(draw: st.DrawFn, source: st.SearchStrategy[Datum]) -> tuple[Schema, bytes]:
    """A value of a schema with its bytes cut, flipped, inserted, appended or taken out; now and then none of it."""
    datum = draw(source)
    body = bytearray(datum.body)
    for _ in range(draw(st.integers(0, 3))):
        at, some = draw(st.integers(0, len(body))), draw(st.binary(min_size=1, max_size=4))
        match draw(st.sampled_from(["cut", "flip", "insert", "append", "take out", "widen"])):
            case "cut":
                del body[at:]
            case "flip" if at < len(body):
                body[at] ^= some[0]
            case "insert":
                body[at:at] = some
            case "append":
                body += some
            case "take out":
                del body[at : at + len(some)]
            case "widen" if at < len(body) and body[at] < 0x80:  # the same number, in more bytes than it needs
                body[at : at + 1] = bytes([body[at] | 0x80, *[0x80] * draw(st.integers(0, 9)), 0])
    return datum.schema, bytes(body)


def outcome(work: Any) -> tuple[Any, ...]:
    """The value with all its types and order, or all that the error says."""
    try:
        return ("read", repr(work()))
    except MalformedValue as error:
        return ("refused", error.message, error.reason, error.path, error.offset)


def made(schema: Schema) -> Schema:
    """The schema with all of its decoders: another test may have read so much of it that one of them was made."""
    schema.decoders.make(*(name for name in DECODERS if getattr(schema.decoders, name).__name__ == "early"))
    return schema


@lru_cache(maxsize=64)
def decoders(schema: Schema) -> tuple[Any, Any]:
    return compiled(schema.root, FEWER), compiled(schema.root, FEWER, as_json=True)


def agree(schema: Schema, body: bytes) -> None:
    """Whatever a decoder returns the Walker returns. Of fewer values, since a few bytes can claim a million nulls."""
    for decoder, walker in zip(decoders(schema), (Walker, JsonWalker), strict=True):
        try:
            found = decoder(body)
        except GAVE_UP:
            continue
        assert ("read", repr(found)) == outcome(lambda: walker(body, FEWER).whole(schema.root))  # noqa: B023


def agree_by_default(schema: Schema, body: bytes) -> None:
    """What everybody calls returns or says what the Walker does."""
    made(schema)
    walker, json_walker = Walker(body, DEFAULT_LIMITS), JsonWalker(body, DEFAULT_LIMITS)
    assert outcome(lambda: decode(schema, body)) == outcome(lambda: walker.whole(schema.root))
    assert outcome(lambda: to_json_value(schema, body)) == outcome(lambda: json_walker.whole(schema.root))


ENUM = {"type": "enum", "name": "t.E", "symbols": ["A", "B"]}
NESTED = {"type": "record", "name": "t.N", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "int"}]}
EVERY_KIND = [
    (record("string", "int"), b"\4ab\2"),
    (record("bytes", "long"), b"\4ab\x80\2"),
    (record("int", "long"), varint(2**31 - 1) + varint(2**63 - 1)),
    (record("int", "long"), varint(-(2**31)) + varint(-(2**63))),
    (record("long", "long", "long"), varint(12345) + varint(1_699_999_999_999) + varint(-1_699_999_999)),
    (record("boolean", ENUM, ["null", "string"], ["int", "null"]), b"\1\2\2\2a\0\6"),
    (record("float", "double"), struct.pack("<fd", 1.5, -2.5)),
    (record({"type": "fixed", "name": "t.F", "size": 2}, "null", "string"), b"ab\2c"),
    (record({"type": "array", "items": "string"}, "int"), b"\4\2a\2b\2\2c\0\6"),
    (record({"type": "array", "items": "null"}, "int"), b"\4\0\6"),
    (record({"type": "array", "items": {"type": "array", "items": "int"}}), b"\4\2\2\0\1\2\4\0\0"),
    (record({"type": "map", "values": "int"}), b"\4\2a\2\2b\4\2\2c\6\0"),
    (record(NESTED, {"type": "array", "items": "t.N"}), b"\2a\2\4\2b\4\2c\6\0"),
    (RECURSIVE[0], b"\2\2\0"),
    (LISTED, b"\0\2\0\0\0\0\2\2a\0\6\0"),
    (MUTUAL, b"\2a\4\0\2\2b\0\0"),
]


@pytest.mark.parametrize(("schema", "body"), EVERY_KIND)
def test_every_byte_that_is_another_or_missing_is_judged_as_the_walker_does(schema: Schema, body: bytes) -> None:
    agree_by_default(schema, body)
    assert outcome(lambda: decoders(schema)[0](body))[0] == "read"
    for at in range(len(body) + 1):
        before, byte, behind = body[:at], body[at : at + 1], body[at + 1 :]
        for other in range(256):
            agree(schema, before + bytes([other]) + behind)
        for other in (0, 1, 2, 3, 127, 128, 255):
            agree(schema, before + bytes([other]) + byte + behind)
        agree(schema, before)
        agree(schema, before + behind)
        if byte and byte[0] < 0x80:
            for more in range(10):
                agree(schema, before + bytes([byte[0] | 0x80, *[0x80] * more, 0]) + behind)


@settings(max_examples=300)
@given(corrupted(data()))
def test_a_corrupted_value_is_read_or_refused_as_the_walker_does(case: tuple[Schema, bytes]) -> None:
    agree(*case)
    schema, body = case
    made(schema)
    fewer = outcome(lambda: decode(schema, body, FEWER))
    if "10,000 values" not in str(fewer[1]):
        assert outcome(lambda: decode(schema, body)) == fewer


@given(schema_texts(), st.binary(max_size=60))
def test_random_bytes_are_read_or_refused_as_the_walker_does(text: str, body: bytes) -> None:
    agree(parse(text), body)


@settings(max_examples=300)
@given(st.sampled_from(RECURSIVE), st.lists(st.sampled_from([0, 0, 1, 2, 2, 3, 4, 65, 128, 255]), max_size=150))
@example(RECURSIVE[0], [2] * 62 + [0])
@example(RECURSIVE[0], [2] * 63 + [0])
@example(RECURSIVE[0], [2] * 200)
def test_a_record_inside_itself_is_read_or_refused_as_the_walker_does(schema: Schema, body: list[int]) -> None:
    agree(schema, bytes(body))


@settings(max_examples=300)
@given(corrupted(data()) | st.tuples(st.sampled_from(RECURSIVE), st.binary(max_size=40)), SMALL, st.booleans())
def test_no_decoder_reads_beyond_a_limit(case: tuple[Schema, bytes], limits: Limits, as_json: bool) -> None:
    schema, body = case
    try:
        found = compiled(schema.root, limits, as_json=as_json)(body)
    except GAVE_UP:
        return
    assert repr(found) == repr((JsonWalker if as_json else Walker)(body, limits).whole(schema.root))


@settings(max_examples=300)
@given(data())
def test_a_sound_value_is_read_without_the_walker(datum: Datum) -> None:
    try:
        DecoderSource(datum.schema.root, DEFAULT_LIMITS, as_json=False)
    except Unfit:
        pytest.fail("the schema is small")
    assert repr(made(datum.schema).decoders.plain(datum.body)) == repr(datum.tree)
    assert repr(datum.schema.decoders.as_json(datum.body)) == repr(datum.json_value)


@pytest.mark.parametrize("path", CATALOGUE, ids=lambda path: path.stem.rpartition(".")[2])
@settings(max_examples=3)
@given(st.data())
def test_every_type_of_the_catalogue_is_read_without_the_walker(path: Path, data: st.DataObject) -> None:
    datum = data.draw(data_of(parse(path.read_text())))
    assert repr(made(datum.schema).decoders.plain(datum.body)) == repr(datum.tree)
    assert repr(datum.schema.decoders.head(datum.body)) == repr({"EventId": datum.tree["EventId"]})
    assert spans(datum.schema, datum.body, Limits()) == Spans(*datum.schema.decoders.spans(datum.body))


@given(corrupted(st.sampled_from(CATALOGUE).flatmap(lambda path: data_of(parse(path.read_text())))))
def test_event_id_is_read_or_refused_as_the_walker_does(case: tuple[Schema, bytes]) -> None:
    schema, body = case
    made(schema)
    other = Limits()  # equal, and not the same: for these there is the Walker alone
    assert outcome(lambda: read_event_id(schema, body)) == outcome(lambda: read_event_id(schema, body, other))
    assert outcome(lambda: read(schema, body)) == outcome(lambda: read(schema, body, other))
    assert outcome(lambda: spans(schema, body)) == outcome(lambda: spans(schema, body, other))


EVENT_ID = {
    "type": "record",
    "name": "t.EventId",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "nonce", "type": "long"},
        {"name": "timestamp", "type": "int"},
    ],
}
WITH_EVENT_ID = [
    [("EventId", EVENT_ID), ("size", "int")],
    [("first", ["null", EVENT_ID]), ("EventId", "t.EventId")],
    [("first", {"type": "array", "items": EVENT_ID}), ("EventId", "t.EventId"), ("last", "string")],
    [("first", ["null", "t.R"]), ("EventId", EVENT_ID)],
    [("EventId", EVENT_ID | {"fields": [*EVENT_ID["fields"], {"name": "inner", "type": ["null", "t.EventId"]}]})],
    [("EventId", EVENT_ID | {"fields": [{"name": "nonce", "type": ["null", "long"]}]})],
    [("EventId", "string"), ("nonce", "long")],
    [("nonce", "long"), ("timestamp", "long")],
]  # fmt: skip


@pytest.mark.parametrize("fields", WITH_EVENT_ID, ids=str)
@settings(max_examples=100)
@given(body=st.lists(st.sampled_from([0, 0, 2, 2, 4, 65, 128, 1]), max_size=20).map(bytes))
def test_the_numbers_of_event_id_stand_where_the_walker_finds_them(fields: list[Any], body: bytes) -> None:
    listed = [{"name": name, "type": kind} for name, kind in fields]
    schema = made(parse(json.dumps({"type": "record", "name": "t.R", "fields": listed})))
    assert outcome(lambda: spans(schema, body)) == outcome(lambda: spans(schema, body, Limits()))


@given(st.integers(-(2**64), 2**64), st.integers(0, 3))
@example(2**63 - 1, 0)
@example(-(2**63), 0)
@example(2**63, 0)
@example(2**31, 0)
def test_numbers_of_every_length_are_read_or_refused_as_the_walker_does(number: int, more: int) -> None:
    for schema in (record("long", "string"), record("int"), record("string", "long"), record(["null", "long"])):
        agree(schema, varint(number) + b"\0" * more)
        agree(schema, b"\2" + varint(number) + b"\0" * more)


def test_numbers_at_the_edges_of_each_length_are_exact() -> None:
    schema = made(record("long"))
    for power in range(64):
        for number in (2**power - 1, -(2**power), 2**power - 2):
            assert schema.decoders.plain(varint(number)) == {"f0": number}


def test_wide_unions_enums_and_negative_blocks_are_read() -> None:
    enum = {"type": "enum", "name": "t.E", "symbols": [f"S{n}" for n in range(100)]}
    fixed = [{"type": "fixed", "name": f"t.F{n}", "size": n} for n in range(100)]
    for schema, body in (
        (record(enum), varint(5)), (record(enum), varint(63)), (record(enum), varint(64)), (record(enum), varint(99)),
        (record(fixed), varint(63) + b"x" * 63), (record(fixed), varint(64) + b"x" * 64),
        (record({"type": "array", "items": "int"}), varint(-2) + varint(9) + b"\2\4" + b"\2\6\0"),
        (record({"type": "array", "items": "int"}), varint(70) + b"\2" * 70 + b"\0"),
        (record({"type": "map", "values": "int"}), varint(-2) + varint(0) + b"\2a\4\2b\6" + b"\0"),
    ):  # fmt: skip
        agree(schema, body)
        assert outcome(lambda: decode(schema, body))[0] == "read"  # noqa: B023


def test_an_end_of_an_array_in_more_bytes_than_it_needs_is_its_end() -> None:
    schema = record({"type": "array", "items": "int"}, "int")
    for behind in (b"", b"\0", b"\0\0", b"\2\0\0"):
        agree(schema, b"\2\2\x80\0" + behind)


@pytest.mark.parametrize("items", ["null", ["null"], {"type": "array", "items": "null"}])
def test_values_are_counted_to_the_last(items: Any) -> None:
    schema = record({"type": "array", "items": items}, "int")
    for most in range(25):
        limits = Limits(max_values=most)
        decoder = compiled(schema.root, limits)
        for count in range(30):
            body = varint(count) + b"\0" * (count if items != "null" else 0) + (b"\0" if count else b"") + b"\2"
            try:
                found = decoder(body)
            except GAVE_UP:
                continue
            assert found == Walker(body, limits).whole(schema.root)


def test_numbers_that_are_none_are_named_in_json() -> None:
    schema = record("double", "float")
    for number in (float("nan"), float("inf"), float("-inf"), -0.0, 5e-324):
        agree(schema, struct.pack("<d", number) + struct.pack("<f", number))


def deep(levels: int) -> Schema:
    inner: Any = "int"
    for _ in range(levels):
        inner = {"type": "array", "items": inner}
    return record(inner)


def test_a_schema_beyond_the_bounds_has_no_decoder_and_is_read_all_the_same() -> None:
    deepest = made(deep(MAX_DEPTH - 1))
    for schema in (deepest, record(*["int"] * (MAX_NODES - 1))):
        DecoderSource(schema.root, DEFAULT_LIMITS, as_json=False)
    assert deepest.decoders.plain(b"\2" * 10 + b"\0" * 9) == decode(deepest, b"\2" * 10 + b"\0" * 9)
    for schema in (deep(MAX_DEPTH), record(*["int"] * MAX_NODES)):
        with pytest.raises(Unfit):
            DecoderSource(schema.root, DEFAULT_LIMITS, as_json=False)
        body = from_json_value(schema, {item.name: [] if item.type.inner else 7 for item in schema.root.fields})
        agree(schema, body)
        assert outcome(lambda: decode(schema, body))[0] == "read"  # noqa: B023


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_is_refused_as_the_walker_does(name: str) -> None:
    schema, body, _ = HOSTILE[name]
    agree_by_default(schema, body)
    assert schema.decoders.plain.__name__ == "decode"


@pytest.mark.timeout(20)
def test_hostile_schemas_take_no_time() -> None:
    level: Any = {"type": "record", "name": "t.L0", "fields": []}
    for number in range(1, 60):
        fields = [{"name": "a", "type": level}, {"name": "b", "type": f"t.L{number - 1}"}]
        level = {"type": "record", "name": f"t.L{number}", "fields": fields}
    chain = [{"type": "record", "name": f"t.C{n}", "fields": [{"name": "x", "type": f"t.C{n - 1}" if n else "int"}]}
             for n in range(5_000)]  # fmt: skip
    around = [{"type": "record", "name": f"t.A{n}", "fields": [
        {"name": "up", "type": ["null", "t.R", *([f"t.A{n - 1}"] if n else [])]}]} for n in range(200)]  # fmt: skip
    for schema in (parse(json.dumps(level)), record(*chain), record(*around)):
        with pytest.raises(Unfit):
            DecoderSource(schema.root, DEFAULT_LIMITS, as_json=False)


@pytest.mark.parametrize("name", ['x": 1}; import os; {"', "a\nb", "a'b", "a\\", "é", "", "{0}", "a b", "a" * 5 + '"'])
def test_a_name_that_is_no_name_never_comes_into_a_source(name: str) -> None:
    """The schema's parser refuses them before; this does not rely on it."""
    text = AvroType("string")
    for root in (
        AvroType("record", "t.R", fields=(AvroField(name, text),)),
        AvroType("record", "t.R", fields=(AvroField("f", AvroType("union", inner=(AvroType("fixed", name or "'"),))),)),
    ):
        with pytest.raises(Unfit):
            DecoderSource(root, DEFAULT_LIMITS, as_json=True)


def test_a_decoder_is_made_when_it_is_worth_it() -> None:
    schema = record("string", "int", "null")
    early = schema.decoders.plain
    for _ in range(WORTH - 1):
        assert read(schema, b"\2a\2") == {"f0": "a", "f1": 1, "f2": None}
        assert schema.decoders.plain is early
    assert read(schema, b"\2a\2") == {"f0": "a", "f1": 1, "f2": None}
    assert schema.decoders.plain is not early
    assert schema.decoders.plain(b"\2a\2") == {"f0": "a", "f1": 1, "f2": None}


def test_symbols_of_an_enum_are_constants() -> None:
    root = AvroType("record", "t.R", fields=(AvroField("f", AvroType("enum", "t.E", symbols=('"); x("',))),))
    assert compiled(root, DEFAULT_LIMITS)(b"\0") == {"f": '"); x("'}


def test_each_decoder_is_made_by_itself_when_it_is_worth_it() -> None:
    """Whatever else was read of the schema before, in this process."""
    schema = record("string", "string", "string", "boolean")
    body = b"\0\0\0\0"
    for _ in range(WORTH):
        read(schema, body)
    assert schema.decoders.plain.__name__ != "early"
    assert schema.decoders.head.__name__ == schema.decoders.as_json.__name__ == "early"
    assert not any(getattr(made(schema).decoders, name).__name__ == "early" for name in DECODERS)
