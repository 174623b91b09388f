"""What an amendment is made of: the target's bytes where they fit, and nothing that nobody has said."""

import json

import pytest
from hypothesis import assume, given

from promotion.domain.amend import Author, pieces, plain, propose, unfilled
from promotion.domain.decode import decode, read
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import parse
from promotion.errors import Refused
from tests.domain import strategies

NOBODY = Author(None, None, 7)
SOMEBODY = Author("user-1", "h1", 7)
LARGE = 2**63 - 1


def record(*fields: dict, name: str = "E") -> str:
    return json.dumps({"type": "record", "name": name, "fields": list(fields)})


def field(name: str, kind, **more) -> dict:
    return {"name": name, "type": kind, **more}


@given(strategies.data())
def test_an_event_proposed_in_its_own_schema_is_the_event_to_the_last_byte_of_each_field(datum) -> None:
    names = [item.name for item in datum.schema.root.fields]
    assume("EventId" not in names)
    found = pieces(datum.schema, datum.body)
    assert b"".join(found[name].data for name in names) == datum.body
    proposal = propose(datum.schema, found, NOBODY)
    assert proposal.needs == ()
    assert decode(datum.schema, proposal.body) == decode(datum.schema, datum.body) or "nan" in repr(datum.tree)
    assert {name: plain(piece) for name, piece in found.items()} == datum.tree or "nan" in repr(datum.tree)


@given(strategies.schema_texts())
def test_of_what_nobody_knows_every_field_without_a_default_is_asked_for(text) -> None:
    schema = parse(text)
    assume(all(item.name not in ("EventId", "hostId") for item in schema.root.fields))
    proposal = propose(schema, {}, NOBODY)
    asked = [item.name for item in schema.root.fields if not item.has_default and item.type.kind != "null"]
    assert list(proposal.needs) == asked
    tree = read(schema, proposal.body)  # it is a value of the schema all the same
    assert unfilled(schema, tree, proposal.needs) == asked


def test_numbers_are_widened_and_keep_every_digit_and_aliases_are_followed() -> None:
    old = parse(record(field("count", "int"), field("size", ["null", "long"]), field("desc", "string")))
    body = from_json_value(old, {"count": 2**31 - 1, "size": {"long": LARGE}, "desc": "é\0"})
    new = parse(record(field("count", "long"), field("size", "long"), field("text", "string", aliases=["desc"])))
    proposal = propose(new, pieces(old, body), NOBODY)
    assert read(new, proposal.body) == {"count": 2**31 - 1, "size": LARGE, "text": "é\0"}
    assert proposal.needs == ()


@pytest.mark.parametrize(
    ("then", "value", "now"),
    [
        ("string", "x", "int"),
        (["null", "string"], None, "string"),
        ("long", LARGE, "double"),
        ({"type": "enum", "name": "S", "symbols": ["A", "B"]}, "B", {"type": "enum", "name": "S", "symbols": ["A"]}),
        ("bytes", "\xff", "string"),
    ],
)
def test_what_the_type_cannot_hold_is_asked_for_and_not_squeezed_in(then, value, now) -> None:
    old, new = parse(record(field("x", then))), parse(record(field("x", now)))
    proposal = propose(new, pieces(old, from_json_value(old, {"x": value})), NOBODY)
    assert proposal.needs == ("x",)


def event_id(*names: str) -> dict:
    kinds = {"nonce": "long", "timestamp": "long", "derived": "boolean"}
    fields = [field(name, kinds.get(name, "string")) for name in names]
    return field("EventId", {"type": "record", "name": "EventId", "fields": fields})


def test_event_id_is_written_in_the_generation_of_its_type() -> None:
    for names, expected in (
        (("id", "nonce"), {"id": "user-1", "nonce": 0}),
        (("id", "nonce", "timestamp", "derived"), {"id": "user-1", "nonce": 0, "timestamp": 7, "derived": False}),
    ):
        schema = parse(record(event_id(*names)))
        assert read(schema, propose(schema, {}, SOMEBODY).body)["EventId"] == expected
    later = parse(record(event_id("id", "userId", "hostId", "nonce", "timestamp", "derived")))
    first, second = (read(later, propose(later, {}, SOMEBODY).body)["EventId"] for _ in range(2))
    assert first["id"] != second["id"]
    assert {**first, "id": ""} == {
        "id": "", "userId": "user-1", "hostId": "h1", "nonce": 0, "timestamp": 7, "derived": False,
    }  # fmt: skip
    assert propose(later, {}, NOBODY).needs == ("EventId.userId", "EventId.hostId")


def test_a_value_that_is_given_is_no_longer_asked_for() -> None:
    schema = parse(record(event_id("id", "nonce"), field("level", "int"), field("note", ["null", "string"])))
    proposal = propose(schema, {}, NOBODY)
    tree = read(schema, proposal.body)
    assert proposal.needs == ("EventId.id", "level", "note")
    tree["level"], tree["EventId"]["id"] = 3, "user-1"
    assert unfilled(schema, tree, proposal.needs) == ["note"]


def test_a_type_without_an_end_is_refused() -> None:
    schema = parse(record(field("next", {"type": "record", "name": "N", "fields": [field("next", "N")]})))
    with pytest.raises(Refused, match="holds itself without an end"):
        propose(schema, {}, NOBODY)
