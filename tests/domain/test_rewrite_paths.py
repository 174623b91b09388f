"""Paths: read, printed, and found in schemas and events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.rewrite.path import InvalidPath, Part, Path, Step, parse_path
from promotion.domain.rewrite.places import locate
from promotion.domain.schema import parse
from tests.domain.rewriting import record
from tests.domain.strategies import TEXTS, Datum, data

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
PARTS = st.one_of(
    NAMES.map(lambda name: Part(Step.FIELD, name)),
    st.integers(0, 999_999_999).map(lambda index: Part(Step.ITEM, index=index)),
    st.just(Part(Step.ITEMS)),
    TEXTS.map(lambda key: Part(Step.ENTRY, key)),
    st.just(Part(Step.ENTRIES)),
)
PATHS = st.one_of(
    st.builds(lambda name, rest: Path((Part(Step.FIELD, name), *rest)), NAMES, st.lists(PARTS, max_size=6)),
    NAMES.map(lambda name: Path((Part(Step.FIELD, name),), everywhere=True)),
    st.just(Path((), everywhere=True)),
)


@given(PATHS)
def test_a_path_reads_back_from_its_text(path):
    assert parse_path(str(path)) == path
    assert str(path).isascii()
    assert str(path).isprintable()


@given(st.one_of(st.text(max_size=30), st.text('ab.*[]{}"\\0', max_size=12)))
def test_any_text_is_a_path_or_is_refused_with_a_sentence(text):
    says = ""
    try:
        path = parse_path(text)
        assert parse_path(str(path)) == path
    except InvalidPath as error:
        says = str(error)
    assert says == "" or says.endswith(".")


@pytest.mark.parametrize(
    "text",
    ["EventId.userId", "items[*].id", "items[0]", "labels{key}", "labels{*}", "**.hostId", "**", 'a{"*"}', 'a{""}',
     'a{"a b"}', 'a{"\\u202e\\"}{"}', "a[1][*]{x}.b"],
)  # fmt: skip
def test_the_forms_of_a_path_are_read_and_printed_as_they_are(text):
    assert str(parse_path(text)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "1 to 1,000"), ("a" * 1_001, "1 to 1,000"), (".a", "character 1"), ("a.", "character 2"), ("a..b", "2"),
        ("a[x]", r"\[0\]"), ("a[-1]", r"\[0\]"), ("a{b c}", "quotes"), ('a{"\\x"}', "quotes"), ('a{"\\ud800"}', "JSON"),
        ("***", "After"), ("**.a.b", "After"), ("**a", "After"), ("a.**", "beginning"), ("0a", "field's name"),
        ("[0]", r"character 1"), ("a b", "character 2"), (".".join(["a"] * 33), "32 steps"), ("ä", "letters"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_path_is_refused_with_its_place(text, says):
    with pytest.raises(InvalidPath, match=says):
        parse_path(text)


INNER = record("t.In", ("id", "string"), ("next", ["null", "t.In"]), ("other", "long"))
TREE = parse(json.dumps(record("t.R", ("id", "string"), ("items", {"type": "array", "items": INNER}),
    ("labels", {"type": "map", "values": "string"}), ("maybe", ["null", "t.In"]))))  # fmt: skip
VALUE = {
    "id": "top",
    "items": [
        {"id": "a", "next": {"t.In": {"id": "b", "next": None, "other": 1}}, "other": 2},
        {"id": "c", "next": None, "other": 3},
    ],
    "labels": {"x": "1", "a b": "2"},
    "maybe": None,
}


def found(path):
    place = locate(TREE.root, parse_path(path))
    tree = to_json_value(TREE, from_json_value(TREE, VALUE))
    return [(spot.exact, spot.path, spot.container[spot.key]) for spot in place.spots([tree])] if place else None


def test_a_path_leads_through_records_arrays_maps_and_unions():
    assert found("items[*].id") == [("items[0].id", "items[*].id", "a"), ("items[1].id", "items[*].id", "c")]
    assert found("items[1].id") == [("items[1].id", "items[*].id", "c")]
    assert found("items[9].id") == []
    assert found("items[*].next.id") == [("items[0].next.id", "items[*].next.id", "b")]
    assert found('labels{"a b"}') == [('labels{"a b"}', "labels{*}", "2")]
    assert [value for _, _, value in found("labels{*}")] == ["1", "2"]
    assert found("labels{y}") == []


def test_everywhere_finds_a_field_at_any_depth_of_a_schema_that_contains_itself():
    assert [exact for exact, _, _ in found("**.id")] == ["id", "items[0].id", "items[0].next.id", "items[1].id"]
    assert [value for _, _, value in found("**")] == ["top", "a", "b", "c", "1", "2"]


def test_what_a_schema_cannot_have_is_known_without_an_event():
    assert found("**.hostId") is None
    assert found("items.id") is None
    assert found("id.x") is None
    assert found("labels[0]") is None
    assert locate(parse('{"type": "record", "name": "N", "fields": [{"name": "n", "type": "int"}]}').root,
                  parse_path("**")) is None  # fmt: skip


def texts_of(node, value):
    """Every text below a value, found the simple way."""
    match node.kind:
        case "string":
            return [value]
        case "union" if value is not None:
            [(tag, inside)] = value.items()
            return texts_of(next(each for each in node.inner if each.tag == tag), inside)
        case "record":
            return [text for item in node.fields for text in texts_of(item.type, value[item.name])]
        case "array":
            return [text for item in value for text in texts_of(node.inner[0], item)]
        case "map":
            return [text for item in value.values() for text in texts_of(node.inner[0], item)]
        case _:
            return []


@given(data())
def test_every_text_is_found_once_and_nothing_else(datum: Datum):
    place = locate(datum.schema.root, parse_path("**"))
    spots = place.spots([datum.json_value]) if place else []
    assert [spot.container[spot.key] for spot in spots] == texts_of(datum.schema.root, datum.json_value)
    assert len({spot.exact for spot in spots}) == len(spots)
