"""Decoding what anybody may have written: the same values as fastavro where it is right, and the process lives."""

import io
import json
import subprocess
import sys
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.decode import Limits, MalformedValue, decode, read
from promotion.domain.json_codec import to_json_value
from promotion.domain.schema import Schema, parse
from tests.domain.strategies import Datum, data, schema_texts, varint


def record(*types: Any) -> Schema:
    fields = [{"name": f"f{n}", "type": item} for n, item in enumerate(types)]
    return parse(json.dumps({"type": "record", "name": "t.R", "fields": fields}))


ENUM = {"type": "enum", "name": "t.E", "symbols": ["A", "B"]}
LINKED = record(["null", "t.R"])


@given(data())
def test_every_value_is_read_as_it_was_written(datum: Datum) -> None:
    assert repr(decode(datum.schema, datum.body)) == repr(datum.tree)


@given(schema_texts(), st.binary(max_size=60))
def test_random_bytes_are_refused_or_read_as_fastavro_reads_them(text: str, body: bytes) -> None:
    schema = parse(text)
    try:
        value = decode(schema, body, Limits(max_values=10_000))
    except MalformedValue:
        return
    raw = json.loads(text.replace('"logicalType": "timestamp-millis"', '"doc": ""'))
    assert repr(fastavro.schemaless_reader(io.BytesIO(body), raw, None)) == repr(value)


@given(data())
def test_a_value_with_bytes_left_or_missing_is_refused(datum: Datum) -> None:
    with pytest.raises(MalformedValue, match="left after the value"):
        decode(datum.schema, datum.body + b"\0")
    if datum.body:
        with pytest.raises(MalformedValue):
            decode(datum.schema, datum.body[:-1])


@pytest.mark.parametrize(
    ("schema", "body", "path", "offset", "reason"),
    [
        (record("long", ENUM), b"\0\1", "$.f1", 1, "the enum has no symbol -1"),
        (record(ENUM), b"\4", "$.f0", 0, "the enum has no symbol 2"),
        (record(["null", "string"]), b"\1\2a", "$.f0", 0, "the union has no branch -1"),
        (record(["null", "string"]), b"\4", "$.f0", 0, "the union has no branch 2"),
        (record("boolean"), b"\2", "$.f0", 0, "a boolean is 0x02"),
        (record("int"), varint(2**31), "$.f0", 0, "an int has more than 32 bits"),
        (record("long"), b"\xff" * 10 + b"\1", "$.f0", 0, "a number has more than 64 bits"),
        (record("long"), b"\xff" * 9 + b"\2", "$.f0", 0, "a number has more than 64 bits"),
        (record("string"), varint(-1), "$.f0", 1, "a length is negative"),
        (record("string"), varint(2**40) + b"abc", "$.f0", 6, "1099511627776 bytes are claimed and 3 are left"),
        (record("string"), b"\4\xff\xfe", "$.f0", 0, "a string is not UTF-8"),
        (record("string"), b"\6\xed\xa0\x80", "$.f0", 0, "a string is not UTF-8"),
        (record("double"), b"\0\0", "$.f0", 0, "8 bytes are claimed and 2 are left"),
        (record({"type": "map", "values": "int"}), b"\4\2a\2\2a\4\0", "$.f0{1}", 4, "a map has the same key twice"),
        (record({"type": "array", "items": "string"}), b"\4\2a\4b", "$.f0[1]", 4, "2 bytes are claimed and 1 are left"),
        (record({"type": "array", "items": "int"}), b"\1\1\2", "$.f0[0]", 0, "a block's size is negative"),
        (record("string"), b"", "$.f0", 0, "the value ends inside a number"),
    ],
)  # fmt: skip
def test_a_malformed_value_says_where_and_why(schema: Schema, body: bytes, path: str, offset: int, reason: str) -> None:
    with pytest.raises(MalformedValue) as caught:
        decode(schema, body)
    assert (caught.value.path, caught.value.offset, caught.value.reason) == (path, offset, reason)


def test_an_int_deep_inside_is_checked_too() -> None:
    for schema in (record(["null", "int"]), record({"type": "array", "items": "int"})):
        with pytest.raises(MalformedValue, match="32 bits"):
            decode(schema, b"\2" + varint(2**31) + (b"" if schema.root.fields[0].type.kind == "union" else b"\0"))


def test_logical_types_are_what_they_are_made_of() -> None:
    schema = record({"type": "long", "logicalType": "timestamp-millis"},
                    {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2})  # fmt: skip
    assert decode(schema, varint(2**62) + b"\2\xff") == {"f0": 2**62, "f1": b"\xff"}


def test_an_array_in_blocks_of_either_sign_is_read() -> None:
    schema = record({"type": "array", "items": "int"})
    assert decode(schema, b"\2\2\3\4\4\6\0") == {"f0": [1, 2, 3]}


def test_a_value_of_no_record_is_no_event() -> None:
    with pytest.raises(MalformedValue, match="an event is a record"):
        read(parse('"string"'), b"\2a")
    with pytest.raises(MalformedValue, match="32 bits"):
        decode(parse('"int"'), varint(2**31))


def test_types_that_double_at_every_level_are_refused() -> None:
    inner: Any = {"type": "record", "name": "t.L0", "fields": []}
    for level in range(1, 40):
        fields = [{"name": "a", "type": inner}, {"name": "b", "type": f"t.L{level - 1}"}]
        inner = {"type": "record", "name": f"t.L{level}", "fields": fields}
    schema = parse(json.dumps(inner))
    with pytest.raises(MalformedValue, match="more than 1,000,000 values"):
        decode(schema, b"")


def test_types_chained_by_name_beyond_the_depth_are_refused() -> None:
    chain = [{"type": "record", "name": f"t.C{n}", "fields": [{"name": "x", "type": f"t.C{n - 1}" if n else "int"}]}
             for n in range(5_000)]  # fmt: skip
    schema = record(*chain)
    with pytest.raises(MalformedValue, match="nested more than 64 deep"):
        decode(schema, b"\0" * 20_000)


HOSTILE = {
    "nested 1,000,000 deep": (LINKED, b"\2" * 1_000_000, "nested more than 64 deep"),
    "an array of 2**30 nulls": (record({"type": "array", "items": "null"}), varint(2**30) + b"\0", "1,000,000 values"),
    "an array of 2**62 empty records": (
        record({"type": "array", "items": {"type": "record", "name": "t.Empty", "fields": []}}), varint(2**62), "hold",
    ),
    "blocks of nulls without end": (
        record({"type": "array", "items": "null"}), (varint(-90_000) + b"\0") * 1_000, "1,000,000 values",
    ),
    "an array that claims 2**40 strings": (
        record({"type": "array", "items": "string"}), varint(2**40) + b"\2a", "1,000,000 values",
    ),
    "a string of 2**60 bytes": (record("string"), varint(2**60) + b"x", "claimed"),
    "more bytes than are allowed": (record("bytes"), varint(9_000_000) + b"x" * 9_000_000, "more than 8,388,608 bytes"),
    "a map of 2**40 keys": (record({"type": "map", "values": "null"}), varint(2**40) + b"\0", "1,000,000 values"),
}  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_is_refused_and_the_process_lives(name: str) -> None:
    schema, body, reason = HOSTILE[name]
    with pytest.raises(MalformedValue, match=reason):
        decode(schema, body)
    with pytest.raises(MalformedValue, match=reason):
        to_json_value(schema, body)


_IN_LITTLE_MEMORY = """
import pathlib
import resource
resource.setrlimit(resource.RLIMIT_AS, (700 * 2**20,) * 2)
from tests.domain.test_decode import HOSTILE, MalformedValue, decode
for schema, body, _ in HOSTILE.values():
    try:
        decode(schema, body)
    except MalformedValue:
        continue
    raise SystemExit("decoded")
# Not ru_maxrss: it begins with what the process that started this one had.
status = pathlib.Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.timeout(60)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_hostile_data_takes_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _IN_LITTLE_MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300_000  # kilobytes


@pytest.mark.parametrize(
    ("schema", "body"),
    [(record(ENUM), b"\1"), (record(["null", "string"]), b"\1\2a"), (record("boolean"), b"\2"),
     (record("int"), varint(2**31)), (record({"type": "map", "values": "int"}), b"\4\2a\2\2a\4\0")],
)  # fmt: skip
def test_fastavro_reads_what_is_refused_here(schema: Schema, body: bytes) -> None:
    """Why it is not used to read: should it become strict, the decision can be taken again."""
    assert fastavro.schemaless_reader(io.BytesIO(body), json.loads(schema.text), None)
