"""Files of others: the older line format, the newer tools' CloudEvents, and files that are wrong somewhere."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.files import splitting
from promotion.domain.files.duplicates import Duplicates, event_digest
from promotion.domain.files.event_ids import with_event_id
from promotion.domain.files.instants import milliseconds, rfc3339
from promotion.domain.files.items import BadEntry, BadFile, FileEvent, Format, Manifest
from promotion.domain.files.objects import changed_fixed
from promotion.domain.files.reading import read
from promotion.domain.files.recognising import recognise
from promotion.domain.files.splitting import elements
from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.schema import parse
from promotion.errors import InvalidInput
from tests.domain.files import cut, said, trees, written

SCHEMAS = Path(__file__).parents[2] / "schemas"
ROLE = "net.lightapi.portal.role.RoleCreatedEvent"
NEWER: dict[str, Any] = {
    "id": "019a7a8a-123d-7f82-8242-a22cef2fb14b",
    "data": {"hostId": "h1", "roleId": "user", "roleDesc": "user role"},
    "host": "h1",
    "time": "2025-11-13T00:07:40.350008953Z",
    "type": "RoleCreatedEvent",
    "user": "u1",
    "nonce": "4",
    "source": "https://github.com/lightapi/light-portal",
    "subject": "user",
    "specversion": "1.0",
    "aggregatetype": "Role",
    "datacontenttype": "application/json",
    "aggregateversion": 1,
}


def items(form: Format, content: bytes | str, editing: bool = False) -> list[Any]:
    return list(read(form, [content if isinstance(content, bytes) else content.encode()], editing))


def bad(form: Format, content: bytes | str, editing: bool = False) -> list[tuple[int, int, str]]:
    return [
        (each.number, each.line, each.reason) for each in items(form, content, editing) if isinstance(each, BadEntry)
    ]


def newer(**changed: Any) -> str:
    entry = {name: value for name, value in (NEWER | changed).items() if value is not ...}
    return json.dumps([entry], indent=2)


def test_a_line_of_the_older_tools_is_read() -> None:
    line = b'h1\x1enet.lightapi.portal.user.UserCreatedEvent\x1e{"EventId":{"id":"u","nonce":1},"a":{"string":"x^^y"}}'
    [event] = items(Format.LINES, b"# made by hand\n\n" + line + b"\r\n")
    assert (event.number, event.key, event.type_name) == (3, b"h1", "net.lightapi.portal.user.UserCreatedEvent")
    assert event.value == {"EventId": {"id": "u", "nonce": 1}, "a": {"string": "x^^y"}}
    assert (event.partition, event.offset, event.timestamp, event.fixed) == (None, None, None, {"key": "h1"})


def test_a_line_with_the_other_separator_is_read_and_its_value_may_hold_it() -> None:
    [event] = items(Format.LINES, f'h1^^{ROLE}^^{{"a":"x^^y"}}')
    assert (event.key, event.type_name, event.value) == (b"h1", ROLE, {"a": "x^^y"})
    assert recognise(f'h1^^{ROLE}^^{{"a":"x^^y"}}'.encode()) is Format.LINES


def test_a_key_that_java_wrote_as_a_place_in_memory_is_no_key() -> None:
    content = f"[B@3910fe11\x1e{ROLE}\x1e{{}}".encode()
    assert recognise(content) is Format.LINES
    [event] = items(Format.LINES, content)
    assert event.key is None
    assert "key" not in event.fixed


def test_a_note_counts_for_the_line_behind_it_only() -> None:
    note, line = '#@ {"partition":1,"offset":5,"version":2,"excluded":true}\n', f"k\x1e{ROLE}\x1e{{}}\n"
    found = items(Format.LINES, note + line + line + note + "\n" + line + note + "# between\n" + line)
    assert [(event.number, event.offset, event.version, event.excluded) for event in found] == [
        (2, 5, 2, True), (3, None, None, None), (6, None, None, None), (9, None, None, None),
    ]  # fmt: skip
    assert bad(Format.LINES, f'#@ {{"offset":5,"partition":1,"type":"a.B"}}\n{line}') == [
        (2, 2, "The note before the line is about an event of another type.")
    ]
    assert bad(Format.LINES, "#@ 5\n#@ {\n" + line)[0] == (1, 1, "The note is not a JSON object.")


def test_a_cloudevent_of_the_newer_tools_is_read_with_its_attributes() -> None:
    [event] = items(Format.CLOUDEVENTS, newer())
    assert (event.number, event.line, event.type_name, event.value) == (1, 2, "RoleCreatedEvent", NEWER["data"])
    assert event.timestamp == 1762992460350
    assert event.attributes == {name: value for name, value in NEWER.items() if name != "data"}
    assert (event.partition, event.version, event.excluded, event.key) == (None, None, None, None)


def test_cloudevents_one_a_line_with_comments_are_read() -> None:
    content = "# ConfigCreatedEvent\n" + json.dumps(NEWER) + "\n\n" + json.dumps(NEWER | {"id": "2"}) + "\n"
    assert recognise(content.encode()) is Format.CLOUDEVENTS
    assert [(event.number, event.attributes["id"]) for event in items(Format.CLOUDEVENTS, content)] == [
        (2, NEWER["id"]), (4, "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"specversion": "0.3"}, "'specversion' is not \"1.0\"."),
        ({"type": ...}, "'type' is missing."),
        ({"type": 5}, "'type' has the wrong type."),
        ({"eventclass": "a.OtherEvent"}, "'type' and 'eventclass' name different types."),
        ({"data": ...}, "'data' is missing."),
        ({"data": None, "promotionexcluded": True}, "'data' is missing."),
        ({"data": ..., "data_base64": "e30="}, "The data is not JSON."),
        ({"datacontenttype": "application/xml"}, "The data is not JSON."),
        ({"time": "yesterday"}, "'time' is not a time of RFC 3339."),
        ({"time": "2025-02-30T00:00:00Z"}, "'time' is not a time of RFC 3339."),
        ({"promotionoffset": "5"}, "'promotionpartition' is missing or not a whole number."),
        ({"promotionversion": "5x"}, "'promotionversion' has the wrong type."),
        ({"promotiontimestamp": "9" * 19}, "'promotiontimestamp' has more than 64 bits."),
        ({"promotionkey64": "?"}, "'promotionkey64' is not base64."),
        ({"data": {"EventId": {"id": "u2", "nonce": 4}}}, "'user' is not what the event says in 'data'."),
        ({"data": {"EventId": {"id": "u1", "nonce": {"long": 5}}}}, "'nonce' is not what the event says in 'data'."),
        ({"data": {"EventId": {}, "hostId": {"string": "h2"}}}, "'host' is not what the event says in 'data'."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_cloudevent_is_said(changed: dict[str, Any], reason: str) -> None:
    assert bad(Format.CLOUDEVENTS, newer(**changed)) == [(1, 2, reason)]


def test_attributes_that_say_what_the_event_says_are_no_contradiction() -> None:
    inside = {"EventId": {"id": "e", "userId": "u1", "nonce": 4, "hostId": "h1"}}
    assert not bad(Format.CLOUDEVENTS, newer(data=inside))
    assert not bad(Format.CLOUDEVENTS, newer(datacontenttype="application/vnd.x+json; charset=utf-8"))
    assert not bad(Format.CLOUDEVENTS, newer(data=..., promotionexcluded=True))


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        (["id", "nonce"], {"id": "u1"}),
        (["id", "nonce", "timestamp", "derived"], {"id": "u1", "timestamp": 1762992460350}),
        (
            ["id", "userId", "hostId", "nonce", "timestamp", "derived"],
            {"id": NEWER["id"], "userId": "u1", "hostId": "h1", "timestamp": 1762992460350},
        ),
    ],
)
def test_an_event_id_is_made_of_the_attributes_in_the_schemas_own_generation(fields: list[str], ids: Any) -> None:
    kinds = {"nonce": "long", "timestamp": "long", "derived": "boolean"}
    part = {
        "type": "record",
        "name": "EventId",
        "fields": [{"name": n, "type": kinds.get(n, "string")} for n in fields],
    }
    whole = {"type": "record", "name": "a.B", "fields": [{"name": "EventId", "type": part}]}
    [event] = items(Format.CLOUDEVENTS, newer())
    assert with_event_id(parse(json.dumps(whole)), event) == {"EventId": ids | {"nonce": 4}, **NEWER["data"]}


def test_an_event_of_the_newer_tools_fits_its_schema() -> None:
    schema = parse((SCHEMAS / f"{ROLE}.avsc").read_text())
    [event] = items(Format.CLOUDEVENTS, newer())
    part = to_json_value(schema, from_json_value(schema, with_event_id(schema, event)))["EventId"]
    assert (part["nonce"], part["timestamp"], part["derived"]) == (4, 1762992460350, False)


def test_an_event_id_that_is_there_stays_and_one_that_no_schema_knows_is_not_made() -> None:
    schema = parse((SCHEMAS / f"{ROLE}.avsc").read_text())
    for event in (
        FileEvent(1, {"EventId": {}}, attributes=NEWER),
        FileEvent(1, {"a": 1}),
        FileEvent(1, [], attributes=NEWER),
    ):
        assert with_event_id(schema, event) == event.value
    other = parse('{"type":"record","name":"a.B","fields":[]}')
    assert with_event_id(other, FileEvent(1, {"a": 1}, attributes=NEWER)) == {"a": 1}
    with pytest.raises(InvalidInput, match="nonce"):
        with_event_id(schema, FileEvent(1, {}, attributes={"nonce": "four"}))


def later(**changed: Any) -> FileEvent:
    event_id = {"id": "0190-own", "userId": "u", "hostId": "h", "nonce": 2**40, "timestamp": 0, "derived": False}
    return FileEvent(0, {"EventId": event_id}, ROLE, b"h", 0, 0, 5, 1, False, **changed)


def test_a_cloudevent_of_ours_has_what_the_newer_tools_look_for() -> None:
    [entry] = json.loads(written(Format.CLOUDEVENTS, [later(attributes={"subject": "admin", "aggregateversion": 3})]))
    assert entry == {
        "specversion": "1.0", "id": "0190-own", "source": "https://github.com/lightapi/light-portal",
        "type": "RoleCreatedEvent", "eventclass": ROLE, "datacontenttype": "application/json",
        "time": "1970-01-01T00:00:00.000Z", "subject": "admin", "user": "u", "host": "h", "nonce": str(2**40),
        "aggregatetype": "Role", "aggregateversion": 3, "partitionkey": "h", "promotionid": "7",
        "promotionpartition": "0", "promotionoffset": "5", "promotionversion": "1", "promotionexcluded": False,
        "data": later().value,
    }  # fmt: skip
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in entry)


def test_an_id_is_the_events_own_or_made_of_its_place_and_always_the_same() -> None:
    def ids(*events: FileEvent) -> list[str]:
        return [entry["id"] for entry in json.loads(written(Format.CLOUDEVENTS, list(events)))]

    early = {"EventId": {"id": "the user", "nonce": 1}}
    first, second = FileEvent(0, early, ROLE, partition=0, offset=1), FileEvent(0, early, ROLE, partition=0, offset=2)
    assert len({"the user", *ids(first, second)}) == 3
    assert ids(first, second) == ids(first, second)
    loose = FileEvent(0, early, ROLE)
    assert ids(loose) == ids(loose)
    assert ids(loose) != ids(FileEvent(0, {}, ROLE))
    assert ids(FileEvent(0, {}, ROLE, attributes={"id": "as read"})) == ["as read"]
    tagged = FileEvent(0, {"EventId": {"id": {"string": "own"}, "userId": {"string": "u"}}}, ROLE)
    assert ids(tagged) == ["own"]


def test_what_an_attribute_cannot_hold_is_left_to_the_data() -> None:
    value = {"EventId": {"id": "a\0", "userId": "b\n", "hostId": "\ud800", "nonce": 1}}
    [entry] = json.loads(written(Format.CLOUDEVENTS, [FileEvent(0, value, ROLE, key=b"a\x00b")]))
    assert not entry.keys() & {"user", "host", "partitionkey"}
    assert entry["id"] != "a\0"
    assert entry["promotionkey64"] == "YQBi"


@pytest.mark.parametrize(
    ("form", "good", "wrong"),
    [
        (Format.JSONL, '{"type":"a.B","value":{}}', ['{"type":"a.B","value":{}', '{"a":1,"a":2}', "5", '{"value":NaN}',
                       '{"value":null}', '{"type":5,"value":{}}', '{"partition":1,"value":{}}', '{"value":1e999}',
                       '{"value":{},"key":7}', '{"value":{},"timestamp":"5"}', '{"value":{},"offset":-1}',
                       '{"value":{},"version":99999999999999999999}', '{"value":' + "9" * 401 + "}",
                       '{"value":' + "[" * 300 + "]" * 300 + "}", '{"manifest":{"format":"x"}}']),
        (Format.LINES, "k\x1ea.B\x1e{}", ["k\x1ea.B", "k a.B {}", "k\x1enot a class\x1e{}", "k\x1ea.B\x1e{", "k^^a.B^^",
                       "base64:?\x1ea.B\x1e{}", "k\x1ea.B\x1e{}\x1e{}", "k\x1ea.B\x1enull"]),
    ],
)  # fmt: skip
def test_each_wrong_line_is_reported_and_the_good_ones_are_kept(form: Format, good: str, wrong: list[str]) -> None:
    content = "\n".join([good, *(line for each in wrong for line in (each, good))])
    found = items(form, content)
    assert [each.number for each in found if isinstance(each, BadEntry)] == list(range(2, 2 * len(wrong) + 1, 2))
    assert sum(isinstance(each, FileEvent) for each in found) == len(wrong) + 1
    if form is Format.JSONL:
        mendable = [each for each in wrong if each.count("{") == each.count("}")]
        array = ",\n".join([good, *(line for each in mendable for line in (each, good))])
        again = items(Format.JSON, f"[{array}]")
        assert [each.line for each in again if isinstance(each, BadEntry)] == list(range(2, 2 * len(mendable) + 1, 2))


def test_bytes_that_are_not_utf8_spoil_their_line_only() -> None:
    assert bad(Format.JSONL, b'{"value":{}}\n{"value":"\xff"}\n') == [(2, 2, "The text is not UTF-8 (byte 10).")]
    assert bad(Format.JSON, b'[{"value":{}},\n{"value":"\xff"}]') == [(2, 2, "The text is not UTF-8 (byte 10).")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"value":{}},\n\n {"value":', "The file ends inside entry 2, which begins at line 3."),
        ('[{"value":{}},\n', "The file ends before entry 2"),
        ('[\n{"value":{}}', "The file ends inside entry 1, which begins at line 2."),
        ("[", "The file ends before entry 1"),
        ('[{"value":{}}]\n\n[', "Something follows the end of the array at line 3."),
        ('\n {"value":{}}', "No JSON array: line 2 begins with '{'."),
        ('[{"value":{}},\n' + "[" * 2_000, "Entry 2, at line 2, is nested more than 1,000 deep."),
        ("  \n", "The file is empty."),
        ("", "The file is empty."),
    ],
)
def test_an_array_that_is_none_or_does_not_end_is_an_error_with_its_place(content: str, message: str) -> None:
    found: list[Any] = []
    with pytest.raises(BadFile) as caught:
        found.extend(read(Format.JSON, [content.encode()]))
    assert message in str(caught.value)


def test_what_stands_before_the_end_of_a_broken_array_has_come_out() -> None:
    reader = read(Format.JSON, [b'[{"value":1},{"value":2},{"va'])
    assert [next(reader).value, next(reader).value] == [1, 2]  # type: ignore[union-attr]


def test_commas_without_an_entry_between_them_are_bad_entries() -> None:
    assert [each[:2] for each in bad(Format.JSON, '[{"value":1},,{"value":2},\n]')] == [(2, 1), (4, 2)]
    assert bad(Format.JSON, "[]") == []


@pytest.mark.parametrize(
    ("content", "what"),
    [("[1]".encode("utf-16"), "UTF-16"), ("[1]".encode("utf-16-le"), "UTF-16"), (gzip.compress(b"[]", mtime=0), "gzip"),
     (b"PK\x03\x04zip", "zip")],
)  # fmt: skip
def test_a_file_that_is_no_text_is_refused_in_every_format(content: bytes, what: str) -> None:
    for form in Format:
        with pytest.raises(BadFile, match=what):
            list(read(form, cut(content, [1, 2])))
    with pytest.raises(BadFile, match=what):
        recognise(content)


@pytest.mark.parametrize("form", [Format.JSON, Format.JSONL, Format.CLOUDEVENTS, Format.LINES])
def test_an_entry_that_is_too_long_is_refused_and_the_next_is_read(form: Format, monkeypatch: Any) -> None:
    monkeypatch.setattr(splitting, "MAX_ENTRY", 900)
    some = [FileEvent(0, {"a": text}, "a.B") for text in ("one", "x" * 2_000, "[" * 2_000, '"\\' * 1_000, "two")]
    content = written(form, some)
    for chunks in ([content], cut(content, list(range(0, len(content), 7)))):
        found = [each for each in read(form, chunks) if not isinstance(each, Manifest)]
        assert [isinstance(each, BadEntry) for each in found] == [False, True, True, True, False]
        assert all("longer than 900 bytes" in each.reason for each in found if isinstance(each, BadEntry))


def test_the_longest_entry_is_the_one_that_the_parser_takes() -> None:
    content = b'["' + b"x" * (splitting.MAX_ENTRY - 2) + b'","' + b"x" * (splitting.MAX_ENTRY - 1) + b'"]'
    chunks = (content[n : n + 2**20] for n in range(0, len(content), 2**20))
    assert [piece.data is not None for piece in elements(chunks)] == [True, False]


@given(st.lists(trees(), max_size=5), st.sampled_from([None, 0, 3]), st.lists(st.integers(0, 5_000), max_size=6))
def test_an_array_is_cut_into_its_elements(values: list[Any], indent: int | None, places: list[int]) -> None:
    for text in (json.dumps(values, indent=indent), json.dumps(values, indent=indent, ensure_ascii=False)):
        content = text.encode(errors="surrogatepass")
        pieces = list(elements(cut(content, places)))
        assert [piece.number for piece in pieces] == list(range(1, len(values) + 1))
        assert [json.dumps(json.loads((piece.data or b"").decode(errors="surrogatepass"))) for piece in pieces] == [
            json.dumps(value) for value in values
        ]
        if indent is not None:
            assert all(content.split(b"\n")[piece.line - 1].strip() for piece in pieces)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b'{"value": 1}', Format.JSONL),
        (b'\n {"type": "specversion", "data\\"": 5, "offset": 1}', Format.JSONL),
        (b'[ \n{"type":"a", "x": {"specversion": 1, "y": ["data"]}, "value": {}}]', Format.JSON),
        (b'[{"type":"a","subject":"\\"value\\":","id":', Format.CLOUDEVENTS),
        (json.dumps([NEWER], indent=4).encode(), Format.CLOUDEVENTS),
        (b"# a comment\n#another\n\nkey\x1ea.B\x1e{}", Format.LINES),
        (b"\x1ea.B\x1e{}", Format.LINES),
        (b"\xef\xbb\xbf#@ {}", Format.LINES),
    ],
)
def test_a_format_is_recognised(content: bytes, form: Format) -> None:
    assert recognise(content) is form
    assert recognise(b"\xef\xbb\xbf" + content.removeprefix(b"\xef\xbb\xbf") + b" " * 100_000) is form


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"# only\n# comments", "comments only"),
        (b"<?xml version='1.0'?>", "begins with '<?xml version='1.0'?"),
        (b"\x1b[31m\xff", "begins with '\\u001b[31m"),
        (b"key,type,value\n", "begins with 'key,type,value"),
        (b'[{"name": "x"}]', "a JSON array whose first entry is neither"),
        (b"[1, 2]", "a JSON array whose first entry is neither"),
        (b'{"tables": {"value": []}}', "a JSON object whose first entry is neither"),
        (b'{"type": "' + b'\\"manifest\\":' * 20_000, "a JSON object whose first entry is neither"),
    ],
)
def test_a_file_of_no_known_format_is_refused_with_what_was_seen(content: bytes, message: str) -> None:
    with pytest.raises(BadFile) as caught:
        recognise(content)
    assert message in str(caught.value)


@pytest.mark.timeout(20)  # a scan that begins anew at each quote takes minutes
@pytest.mark.parametrize("start", [b'{"', b'[{"type":"', b"#"])
@pytest.mark.parametrize("part", [b'\\"', b'"', b"^^", b"^^a", b"#\n", b"["])
def test_hostile_beginnings_are_looked_at_once(start: bytes, part: bytes) -> None:
    for _ in range(5):
        with pytest.raises(BadFile):
            recognise(start + part * 100_000)


@given(
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(-62135596800000 - 5, -62135596800000 + 5)
    | st.integers(253402300799990, 253402300800005)
)
def test_a_time_comes_back_to_the_millisecond_or_has_no_notation(instant: int) -> None:
    text = rfc3339(instant)
    in_range = -62135596800000 <= instant <= 253402300799999
    assert (text is None) == (not in_range)
    if text is not None:
        assert milliseconds(text) == instant


def test_a_time_may_have_a_short_fraction_or_none() -> None:
    assert [milliseconds(f"1970-01-01T00:00:01{end}") for end in ("Z", ".5Z", ".05z", ".0009Z", "", ".Z")] == [
        1000, 1500, 1050, 1000, None, None,
    ]  # fmt: skip


def test_a_number_that_is_equal_and_of_another_kind_is_a_change() -> None:
    assert len(changed_fixed({"timestamp": 1.0, "key": None}, 1, None)) == 1
    assert len(changed_fixed({"timestamp": True, "key": ""}, 1, None)) == 2
    assert changed_fixed({}, 1, b"x") == []


@given(st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)), st.integers(-1439, 1439))
def test_a_time_of_another_zone_is_the_same_instant(when: datetime, minutes: int) -> None:
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    found = milliseconds(when.isoformat(timespec="microseconds") + "123" + zone)
    exact = when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert found == (exact.days * 86_400 + exact.seconds) * 1000 + exact.microseconds // 1000 - minutes * 60_000


@given(
    st.lists(
        st.sampled_from(
            [bytes([a, b]) + bytes(13) + bytes([c]) for a in (0, 1) for b in (0, 1) for c in range(9)]
            + [bytes(16), b"\1" * 16]
        )
    )
)
def test_the_first_entry_with_a_digest_is_found(digests: list[bytes]) -> None:
    seen, expected = Duplicates(), {}
    for number, digest in enumerate(digests, start=1):
        assert seen.first(number, digest) == expected.setdefault(digest, number)


def test_entries_are_equal_by_key_type_and_value_and_not_by_how_they_are_written() -> None:
    one, two = said(Format.JSONL, b'{"value":{"a":1,"b":2},"offset":1,"partition":0}\n{"value":{"b":2, "a":1}}')
    assert event_digest(one) == event_digest(two)
    values = [{"a": 1.0, "b": 2}, {"a": True, "b": 2}, {"a": "\ud800", "b": 2}]
    others = [
        FileEvent(0, one.value, "a.B"),
        FileEvent(0, one.value, key=b""),
        *(FileEvent(0, each) for each in values),
    ]
    assert len({event_digest(each) for each in [one, *others]}) == 6


def test_the_examples_of_the_documentation_are_read_and_recognised() -> None:
    text = (SCHEMAS.parent / "docs" / "files.md").read_text()
    examples = [part.partition("\n")[2].replace("\u241e", "\x1e") for part in text.split("```")[1::2]]
    assert [recognise(example.encode()) for example in examples] == list(Format)
    for form, example in zip(Format, examples, strict=True):
        manifest, event = items(form, example)
        assert manifest == Manifest(12)
        assert isinstance(event, FileEvent)
        assert event.value["roleId"] == "admin"
        assert event.key == b"h1"
