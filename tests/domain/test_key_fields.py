"""What is proposed as the identity of each type of the catalogue, and of types that are in none."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from promotion.domain.identity import HOST, identity_of
from promotion.domain.key_fields import TypeSchema, problem_with, propose, propose_alone
from promotion.domain.names import split_name
from promotion.domain.schema import Schema, parse

PORTAL = "net.lightapi.portal."
TABLE = Path(__file__).with_name("key_fields.txt")
SCHEMAS = [parse(path.read_text()) for path in (Path(__file__).parents[2] / "schemas").glob("*.avsc")]


def catalogue() -> dict[str, list[TypeSchema]]:
    """The types of the catalogue by aggregate."""
    types = defaultdict(list)
    for schema in SCHEMAS:
        types[split_name(schema.full_name).aggregate].append(TypeSchema(schema.full_name, schema))
    return types


def proposed() -> dict[str, list[str]]:
    """Full name -> paths."""
    return {
        name: paths for aggregate, types in catalogue().items() for name, paths in propose(aggregate, types).items()
    }


def record(name: str, *fields: str | dict[str, object]) -> Schema:
    """A schema whose fields are strings, or what is given."""
    made = [field if isinstance(field, dict) else {"name": field, "type": "string"} for field in fields]
    return parse(json.dumps({"type": "record", "name": name, "fields": made}))


def test_the_table_of_the_catalogue_is_as_it_was_agreed() -> None:
    short = {name.removeprefix(PORTAL).removesuffix("Event"): paths for name, paths in proposed().items()}
    lines = [f"{name:<41}  {' '.join(paths) or '-'}" for name, paths in sorted(short.items())]
    assert len(lines) == 218
    assert "\n".join(lines) + "\n" == TABLE.read_text()


def test_the_types_of_an_aggregate_agree_or_are_judged_alone() -> None:
    table = proposed()
    for aggregate, types in catalogue().items():
        different = {tuple(table[each.full_name]) for each in types} - {()}
        assert len(different) <= 1, aggregate


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.full_name.rpartition(".")[2])
def test_every_proposed_path_leads_to_a_value(schema: Schema) -> None:
    paths = proposed()[schema.full_name]
    assert [problem for path in paths if (problem := problem_with(schema, path))] == []
    assert len(paths) == len(set(paths))
    assert HOST not in paths[1:]


@settings(deadline=None)
@given(st.permutations(range(3)))
def test_the_order_of_the_types_does_not_matter(order: list[int]) -> None:
    for aggregate, types in catalogue().items():
        if len(types) == 3:
            assert propose(aggregate, [types[number] for number in order]) == propose(aggregate, types)


NAMES = ["hostId", "thingId", "id", "key", "apiId", "apiVersion", "email", "endpoint", "value", "note"]
#: An Avro type, and a value that it may have.
TYPES: list[tuple[Any, Any]] = [
    ("string", "x"),
    ("long", 7),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, "A"),
    ("boolean", True),
    (["null", "string"], None),
    ({"type": "array", "items": "string"}, ["x"]),
]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TYPES[:2] + TYPES), max_size=6), st.booleans())
def test_whatever_a_topic_brings_gets_paths_that_have_values(chosen: dict[str, tuple[Any, Any]], later: bool) -> None:
    fields, tree = [], {name: value for name, (_, value) in chosen.items()}
    for number, (name, (kind, _)) in enumerate(chosen.items()):
        named = kind | {"name": f"E{number}"} if isinstance(kind, dict) and "symbols" in kind else kind
        fields.append({"name": name, "type": named})
    if later:
        inner = {"type": "record", "name": "EventId", "fields": [{"name": "hostId", "type": "string"}]}
        fields.append({"name": "EventId", "type": inner})
        tree["EventId"] = {"hostId": "h"}
    paths = propose_alone("a.ThingMovedEvent", record("ThingMovedEvent", *fields))
    for path in (path for path in paths if path != HOST):
        assert identity_of("Thing", [path], tree)
    event("paths: " + " ".join(paths))
    if HOST in paths and isinstance(tree.get("hostId", "h"), str):
        assert identity_of("Thing", paths, tree)


@pytest.mark.parametrize(
    ("name", "fields", "paths"),
    [
        ("GiftSentEvent", ("hostId", "giftId", "receiverId", "email"), ["host", "giftId"]),
        ("GiftSentEvent", ("hostId", "senderId", "senderVersion", "note"), ["host", "senderId", "senderVersion"]),
        ("GiftSentEvent", ("senderId", "apiVersion"), ["senderId"]),
        ("GiftSentEvent", ("hostId", "email", "note"), ["host", "email"]),
        ("GiftSentEvent", ("hostId", "id", "email"), ["host", "id"]),
        ("GiftSentEvent", ("hostId", "note"), []),
        ("GiftDeletedEvent", ("hostId", "note"), []),
        ("HostCreatedEvent", ("hostId", "note"), ["host"]),
    ],
)
def test_a_type_in_no_catalogue_is_judged_by_the_names_of_its_fields(
    name: str, fields: tuple[str, ...], paths: list[str]
) -> None:
    assert propose_alone(f"org.example.{name}", record(name, *fields)) == paths


def test_a_type_of_a_known_aggregate_has_its_paths_or_none() -> None:
    kin = [[], ["host", "roleId"]]
    assert propose_alone("a.RoleMovedEvent", record("RoleMovedEvent", "roleId", "id", "hostId"), kin) == kin[1]
    assert propose_alone("a.RoleMovedEvent", record("RoleMovedEvent", "id", "hostId"), kin) == []
    assert propose_alone("a.RoleMovedEvent", record("RoleMovedEvent", "id", "hostId"), [[]]) == []


def test_a_path_must_lead_to_one_value() -> None:
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "code", "type": ["null", "long"]}]}
    schema = record(
        "R",
        "text",
        {"name": "inner", "type": inner},
        {"name": "maybe", "type": ["null", "Inner"]},
        {"name": "flag", "type": "boolean"},
        {"name": "many", "type": {"type": "array", "items": "string"}},
        {"name": "either", "type": ["string", "long"]},
    )
    for path in ("text", "inner.code", "maybe.code"):
        assert problem_with(schema, path) == ""
    for path, says in {
        "": "no field",
        "none": "no field",
        "text.more": "no field",
        "inner": "no text",
        "flag": "no text",
        "many": "no text",
        "either": "no text",
        "host": "neither",
        "hostId": "no field",
        "inner.": "no field",
        "x" * 201: "at most 200",
    }.items():
        assert says in problem_with(schema, path), path
