"""What the editor knows of a schema: all that people wrote, in bounds, whatever the schema is."""

import json
from typing import Any

from hypothesis import given

from promotion.domain.schema import parse
from promotion.domain.schema_description import MOST_CHARACTERS, MOST_TYPES, describe_schema
from tests.domain import strategies


def described(fields: list[Any]) -> Any:
    return describe_schema(parse(json.dumps({"type": "record", "name": "test.R", "fields": fields})).root)


def test_fields_have_type_doc_and_default_and_an_enum_its_symbols() -> None:
    enum = {"type": "enum", "name": "test.E", "symbols": ["RED", "GREEN"]}
    types = described([
        {"name": "color", "type": enum, "doc": "Which.", "default": "RED"},
        {"name": "when", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
    ])  # fmt: skip
    color, when = types[0]["fields"]
    assert (color[0], color[2], color[3]) == ("color", "Which.", '"RED"')
    assert types[color[1]]["symbols"] == ["RED", "GREEN"]
    assert when[3] == "null"
    union = types[when[1]]
    assert [types[inner]["tag"] for inner in union["inner"]] == ["null", "long"]
    assert types[union["inner"][1]]["logical"] == "timestamp-millis"


def test_a_record_that_contains_itself_is_there_once() -> None:
    types = described([{"name": "next", "type": ["null", "test.R"]}])
    assert types[types[0]["fields"][0][1]]["inner"][1] == 0


@given(strategies.schema_texts())
def test_every_field_of_a_schema_is_found_by_its_path(text: str) -> None:
    root = parse(text).root
    types = describe_schema(root)

    def agree(node: Any, index: int) -> None:
        about = types[index]
        assert (about["kind"], about["tag"]) == (node.kind, node.tag)
        assert [field[0] for field in about.get("fields", [])] == [item.name for item in node.fields]
        for item, field in zip(node.fields, about.get("fields", []), strict=True):
            agree(item.type, field[1])
        for inner, at in zip(node.inner, about.get("inner", []), strict=True):
            agree(inner, at)

    agree(root, 0)
    json.dumps(types)


def test_a_hostile_schema_is_described_in_bounds() -> None:
    wide = [{"name": f"f{n}", "type": "string", "doc": "<script>\u202e" + "d" * 900} for n in range(900)]
    deep: Any = "string"
    for n in range(20):
        deep = {"type": "record", "name": f"test.D{n}", "fields": [{"name": "x", "type": deep}]}
    many = [
        {"name": f"r{n}", "type": {"type": "record", "name": f"test.M{n}", "fields": []}} for n in range(MOST_TYPES + 9)
    ]
    for fields in (wide, [{"name": "deep", "type": deep}], many):
        types = described(fields)
        assert len(types) <= MOST_TYPES
        assert len(json.dumps(types)) < 3 * MOST_CHARACTERS
        assert "\u202e" not in json.dumps(types, ensure_ascii=False)
    assert described(many)[0]["fields"][-1][1] == -1
