"""What goes out comes in again, in every format, wherever the bytes are cut."""

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion.domain.files.items import BadFile, CannotWrite, FileEvent, Format, Manifest
from promotion.domain.files.objects import changed_fixed
from promotion.domain.files.reading import read
from promotion.domain.files.recognising import recognise
from promotion.domain.files.unions import _PlainWalker, _untagged, plain_json_value
from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.limits import DEFAULT_LIMITS
from promotion.domain.schema import parse
from tests.domain import strategies
from tests.domain.files import FORMATS, LONGS, core, cut, events, said, written

FORM = st.sampled_from(FORMATS)
PLACES = st.lists(st.integers(0, 10_000), max_size=8)


def everything(form: Format, chunks: list[bytes], editing: bool = False) -> tuple[list[Any], str]:
    """The items of a file, and the error that ended it."""
    items: list[Any] = []
    try:
        items.extend(read(form, chunks, editing))
    except BadFile as error:
        return items, str(error)
    return items, ""


@settings(max_examples=300)
@given(FORM, st.lists(events(), max_size=4))
def test_what_goes_out_comes_in_again(form: Format, some: list[FileEvent]) -> None:
    assert [core(event) for event in said(form, written(form, some))] == [core(event) for event in some]


@given(FORM, st.lists(events(), min_size=1, max_size=3))
def test_a_file_of_ours_has_nothing_bad_and_names_its_promotion(form: Format, some: list[FileEvent]) -> None:
    items, error = everything(form, [written(form, some)])
    assert not error
    assert [item for item in items if not isinstance(item, FileEvent)] == [Manifest(7)]
    assert isinstance(items[0], Manifest)


@given(FORM, st.lists(events(), min_size=1, max_size=3))
def test_a_file_of_ours_is_recognised_with_and_without_a_byte_order_mark(form: Format, some: list[FileEvent]) -> None:
    content = written(form, some)
    assert recognise(content) is form
    assert recognise(b"\xef\xbb\xbf" + content) is form
    assert said(form, b"\xef\xbb\xbf" + content) == said(form, content)


def test_a_file_without_events_is_recognised_too() -> None:
    assert [recognise(written(form, [])) for form in FORMATS] == [
        Format.JSONL, Format.JSON, Format.LINES, Format.JSON,  # an empty array says the same in both formats
    ]  # fmt: skip
    assert [everything(form, [written(form, [])])[1] for form in FORMATS] == [""] * 4


@settings(max_examples=300)
@given(FORM, st.lists(events(), max_size=3), PLACES, st.integers(0, 10_000))
def test_it_does_not_matter_where_the_bytes_are_cut(
    form: Format, some: list[FileEvent], places: list[int], end: int
) -> None:
    content = written(form, some)
    for whole in (content, content[: end % (len(content) + 1)]):
        assert everything(form, cut(whole, places)) == everything(form, [whole])
        assert everything(form, [whole[n : n + 1] for n in range(len(whole))]) == everything(form, [whole])


@settings(max_examples=300)
@given(FORM, st.binary(max_size=60), st.lists(events(), max_size=2), PLACES, st.booleans())
def test_any_bytes_give_items_and_at_most_one_error_of_ours(
    form: Format, noise: bytes, some: list[FileEvent], places: list[int], editing: bool
) -> None:
    content = written(form, some)
    start = places[0] % (len(content) + 1) if places else 0
    for hostile in (noise, content[:start] + noise + content[start:], content[:start] + noise + content[start + 1 :]):
        one = everything(form, [hostile], editing)
        assert one == everything(form, cut(hostile, places), editing)
        try:
            recognise(hostile)
        except BadFile:
            continue


@given(st.binary(max_size=40), st.sampled_from([b"[", b"{", b"#", b"#@ ", b"", b'[{"type":"', b"[B@1f\x1e"]))
def test_recognising_any_bytes_gives_a_format_or_an_error_of_ours(noise: bytes, start: bytes) -> None:
    with suppress(BadFile):
        assert recognise(start + noise) in FORMATS


@given(FORM, st.lists(events(), min_size=1, max_size=3))
def test_an_unedited_key_or_timestamp_is_no_change(form: Format, some: list[FileEvent]) -> None:
    items, _ = everything(form, [written(form, some)], editing=True)
    found = [item for item in items if not isinstance(item, Manifest)]
    for event, item in zip(some, found, strict=True):
        assert isinstance(item, FileEvent)
        assert (item.partition, item.offset) == (event.partition, event.offset)
        assert not changed_fixed(item.fixed, -1 if event.timestamp is None else event.timestamp, event.key)


@given(FORM, st.lists(events(), min_size=2, max_size=3))
def test_what_is_read_can_be_written_in_any_other_format(form: Format, some: list[FileEvent]) -> None:
    for other in FORMATS:
        again = said(form, written(form, said(other, written(other, some))))
        assert [core(event) for event in again] == [core(event) for event in some]


@given(FORM, st.lists(events(), max_size=3))
def test_nothing_in_a_file_ends_a_line_or_column_but_what_is_meant_to(form: Format, some: list[FileEvent]) -> None:
    for line in written(form, some).decode().split("\n"):
        columns = line.split("\x1e")
        assert len(columns) in ((1, 3) if form is Format.LINES else (1,))
        assert all(column.isprintable() for column in columns)
        assert all(column.isascii() for column in columns[1:] or columns)


def test_an_event_without_a_type_is_refused_by_name_where_the_format_needs_one() -> None:
    event = FileEvent(number=0, value={}, partition=3, offset=9)
    for form in (Format.LINES, Format.CLOUDEVENTS):
        with pytest.raises(CannotWrite, match="Event 3:9 "):
            written(form, [event])
    assert said(Format.JSONL, written(Format.JSONL, [event]))[0].type_name is None


@settings(max_examples=300)
@given(strategies.data())
def test_a_value_without_branches_is_read_back_as_the_same_bytes(datum: strategies.Datum) -> None:
    value, plain = plain_json_value(datum.schema, datum.body)
    assert from_json_value(datum.schema, value) == datum.body
    if not plain:
        assert repr(value) == repr(to_json_value(datum.schema, datum.body))


@settings(max_examples=300)
@given(strategies.data())
def test_a_value_is_untagged_as_the_walker_does_it(datum: strategies.Datum) -> None:
    wanted = _PlainWalker(datum.body, DEFAULT_LIMITS).whole(datum.schema.root)
    assert repr(_untagged(datum.schema, datum.body, DEFAULT_LIMITS)) == repr(wanted)


def union(*branches: Any) -> Any:
    return parse(json.dumps({"type": "record", "name": "t.R", "fields": [{"name": "f", "type": list(branches)}]}))


def test_branches_stand_only_where_they_are_needed() -> None:
    text, mapped = {"f": {"string": "x"}}, {"f": {"map": {"string": "x"}}}
    for schema, tagged, plain in (
        (union("null", "string"), text, {"f": "x"}),
        (union("null", "string"), {"f": None}, {"f": None}),
        (union("bytes", "string"), text, text),
        (union("int", "long"), {"f": {"long": 1}}, {"f": {"long": 1}}),
        (union("int", "long"), {"f": {"long": 2**40}}, {"f": 2**40}),
        (union("string", {"type": "map", "values": "string"}), mapped, mapped),
    ):  # fmt: skip
        body = from_json_value(schema, tagged)
        assert plain_json_value(schema, body) == (plain, plain != tagged or tagged["f"] is None)


def test_a_body_written_in_blocks_says_the_same_without_branches() -> None:
    schema = union("null", {"type": "array", "items": "int"})
    assert plain_json_value(schema, b"\x02\x01\x02\x02\x00") == ({"f": [1]}, True)


def test_a_not_a_number_of_other_bits_is_kept_as_plain_text() -> None:
    schema = union("null", "double")
    body = b"\x02" + struct.pack("<Q", 0x7FF8000000000001)
    assert plain_json_value(schema, body) == ({"f": "NaN"}, True)


@given(LONGS, LONGS)
def test_an_offset_keeps_every_digit(offset: int, version: int) -> None:
    event = FileEvent(0, {}, "a.B", partition=0, offset=offset, version=version)
    for form in FORMATS:
        [found] = said(form, written(form, [event]))
        assert (found.offset, found.version) == (offset, version)
