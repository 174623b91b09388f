"""What is said of two schemas, and that `resolve` does exactly that."""

import json
import re
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion.domain.json_codec import from_json_value
from promotion.domain.resolution import MOST_STEPS, Step, What, changes_identity, describe, rule_words
from promotion.domain.resolve import Unresolvable, resolve, same_bytes
from promotion.domain.schema import Schema, parse
from tests.domain.strategies import Datum, data, data_of, schema_texts
from tests.domain.test_resolve import field, record

EVENT_ID = {
    "early": ["id", "nonce"],
    "early derived": ["id", "nonce", "derived"],
    "document": ["id", "nonce", "timestamp", "derived"],
    "later": ["id", "userId", "hostId", "nonce", "timestamp", "derived"],
}
TYPES = {"nonce": "long", "timestamp": "long", "derived": "boolean"}
DEFAULTS = {"timestamp": 0, "derived": False}
MILLIS, MICROS = ({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))


def event(generation: str, *own: dict[str, Any], name: str = "t.E", defaults: dict[str, Any] = DEFAULTS) -> Schema:
    inner = [
        field(each, TYPES.get(each, "string"), **({"default": defaults[each]} if each in defaults else {}))
        for each in EVENT_ID[generation]
    ]
    event_id = {"type": "record", "name": "com.networknt.kafka.common.EventId", "fields": inner}
    return record(field("EventId", event_id), *own, name=name)


def said(writer: Any, reader: Any, **more: Any) -> list[tuple[str, str, bool]]:
    steps = describe(record(field("a", writer)), record(field("a", reader, **more)))
    return [(step.path, step.what.value, step.needs_person) for step in steps]


@st.composite
def changed(draw: st.DrawFn, schema: Any, names: Any, depth: int = 0) -> Any:
    """What may become of a schema in another environment: fields and types come, go, move, and are called otherwise."""
    if isinstance(schema, list):
        branches = [draw(changed(each, names, depth + 1)) for each in schema]
        kept = {each if isinstance(each, str) else each.get("name", each["type"]): each for each in branches
                if not isinstance(each, list)}  # fmt: skip
        return draw(st.permutations(list(kept.values()) or ["null"]))
    made = schema
    if isinstance(schema, dict):
        match schema["type"]:
            case "record":
                made = draw(_other_record(schema, names, depth))
            case "array":
                made = {**schema, "items": draw(changed(schema["items"], names, depth + 1))}
            case "map":
                made = {**schema, "values": draw(changed(schema["values"], names, depth + 1))}
            case "enum":
                symbols = st.lists(st.sampled_from(["RED", "GREEN", "BLUE", "MORE"]), min_size=1, unique=True)
                made = {**schema, "symbols": draw(symbols)}
            case "long":
                made = draw(st.sampled_from(["long", MILLIS, MILLIS, MICROS]))
        if "name" in made and depth and draw(st.integers(0, 5)) == 0:
            made = {**made, "name": f"other.N{next(names)}", "aliases": draw(st.sampled_from([[], [made["name"]]]))}
    else:
        wider = {"int": ["long", "double", "float"], "long": ["double"], "float": ["double"], "string": ["bytes"],
                 "bytes": ["string"], "null": ["int"]}  # fmt: skip
        made = draw(st.sampled_from([schema, schema, *wider.get(schema, [])]))
    if depth and draw(st.integers(0, 4)) == 0:
        union = ["null", made] if made != "null" else ["null", "int"]
        return draw(st.permutations(union))
    return made


@st.composite
def _other_record(draw: st.DrawFn, schema: dict[str, Any], names: Any, depth: int) -> dict[str, Any]:
    made = []
    for item in schema["fields"]:
        fate = draw(st.integers(0, 9))
        if fate == 0:
            continue
        other = {**item, "type": draw(changed(item["type"], names, depth + 1))}
        if fate == 1:
            other |= {"name": f"n{next(names)}", "aliases": [item["name"]]}
        made.append(other)
    for kind, default in draw(st.lists(st.sampled_from([("int", 1), ("string", None), ("string", "x")]), max_size=1)):
        extra = {} if draw(st.booleans()) else {"default": default}
        made.append({"name": f"n{next(names)}", "type": kind, **extra})
    return {**schema, "fields": draw(st.permutations(made))}


@st.composite
def moves(draw: st.DrawFn) -> tuple[Datum, Schema]:
    """A value, and the schema that another environment has for its type."""
    text = draw(schema_texts())
    return draw(data_of(parse(text))), parse(json.dumps(draw(changed(json.loads(text), count()))))


def paths_of(refusal: Unresolvable) -> set[str]:
    return {_any(problem.path) for problem in refusal.found} or {"$"}


def _any(path: str) -> str:
    """A path with any item and any entry alike: resolving numbers both."""
    return re.sub(r"\[\d+\]|\{\*\}", "[*]", path)


def refused(datum: Datum, reader: Schema) -> set[str]:
    try:
        resolve(datum.body, datum.schema, reader)
    except Unresolvable as refusal:
        return paths_of(refusal)
    return set()


@settings(max_examples=600)
@given(moves())
def test_what_is_refused_was_announced_at_its_path(move: tuple[Datum, Schema]) -> None:
    datum, reader = move
    announced = {_any(s.path) for s in describe(datum.schema, reader) if s.needs_person or s.what == What.DEPENDS}
    assert refused(datum, reader) <= announced


@settings(max_examples=600)
@given(moves())
def test_what_is_said_to_need_a_person_is_refused_where_the_value_has_it(move: tuple[Datum, Schema]) -> None:
    datum, reader = move
    wanted = {_any(s.path) for s in describe(datum.schema, reader) if s.needs_person and not s.when and _has(datum, s)}
    assert wanted <= refused(datum, reader)


@given(data(), schema_texts())
def test_any_two_schemas_are_described_as_they_are_resolved(datum: Datum, text: str) -> None:
    steps = describe(datum.schema, parse(text))
    if refused(datum, parse(text)):
        assert any(step.needs_person or step.what == What.DEPENDS for step in steps)


def _has(datum: Datum, step: Step) -> bool:
    """Whether the value has what stands at the step's path; what is added is missing in the record around it."""
    parts = re.findall(r"\.([A-Za-z0-9_]+)|(\[\*\])", _any(step.path))
    if step.what in (What.ADDED, What.BAD_DEFAULT):
        parts = parts[:-1]
    values = [datum.tree]
    for name, _ in parts:
        inner = [list(v.values()) if isinstance(v, dict) else v for v in values] if not name else []
        values = [each for v in inner for each in v] if not name else [v[name] for v in values]
    return bool(values)


@pytest.mark.parametrize(
    ("writer", "reader", "what"),
    [
        ("int", "long", "widened"), ("int", "double", "widened"), ("float", "double", "widened"),
        ("string", "bytes", "widened"), ("long", "double", "depends"), ("int", "float", "depends"),
        ("bytes", "string", "depends"), ("int", ["null", "int"], "union"),
        (["null", "int"], ["int", "null"], "reordered"),
    ],
)  # fmt: skip
def test_what_resolving_does_by_itself_is_listed(writer: Any, reader: Any, what: str) -> None:
    assert said(writer, reader) == [("$.a", what, False)]


@pytest.mark.parametrize(
    ("writer", "reader", "what"),
    [
        ("string", "int", "type"), ("long", "int", "type"), (["null", "int"], "int", "type"), ("int", ["null"], "type"),
        ({"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2}, "type"),
        ({"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "G", "size": 1}, "name"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, {"type": "enum", "name": "x.E", "symbols": ["A"]}, "moved"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, {"type": "enum", "name": "E", "symbols": ["A"]},
         "symbols"),
        ({"type": "record", "name": "I", "fields": []}, {"type": "record", "name": "J", "fields": []}, "name"),
        (MILLIS, MICROS, "meaning"),
        ({"type": "int", "logicalType": "date"}, {"type": "int", "logicalType": "time-millis"}, "meaning"),
    ],
)  # fmt: skip
def test_what_needs_a_person_is_listed(writer: Any, reader: Any, what: str) -> None:
    assert said(writer, reader) == [("$.a", what, True)]


def test_a_default_is_named_and_one_that_does_not_fit_is_the_targets_fault() -> None:
    steps = describe(
        record(), record(field("a", "int", default=7), field("b", "int", default="<b>"), field("c", ["null", "int"]))
    )
    assert [(s.what, s.needs_person) for s in steps] == [
        (What.DEFAULT, False), (What.BAD_DEFAULT, True), (What.ADDED, True)
    ]  # fmt: skip
    assert steps[0].detail == "Gets the target's default, 7."
    assert steps[2].rule == {"do": "set", "path": "c", "value": None}


def test_a_field_that_would_be_lost_is_dropped_or_renamed_by_a_rule() -> None:
    inner = {"type": "record", "name": "I", "fields": [field("gone", "string")]}
    writer = record(field("list", {"type": "array", "items": inner}))
    reader = record(field("list", {"type": "array", "items": {**inner, "fields": []}}))
    (step,) = describe(writer, reader)
    assert (step.path, step.rule) == ("$.list[*].gone", {"do": "drop", "path": "list[*].gone"})
    assert rule_words(step.rule) == "drop list[*].gone."
    removed, added = describe(record(field("a", "int")), record(field("b", "long")))
    assert removed.rule == {"do": "rename", "path": "a", "to": "b"}
    assert (added.path, added.what) == ("$.b", What.ADDED)


def test_a_symbol_that_the_target_lacks_is_mapped_by_a_rule_also_in_a_map() -> None:
    before, after = ({"type": "enum", "name": "E", "symbols": each} for each in (["A", "B"], ["A"]))
    writer, reader = (record(field("m", {"type": "map", "values": each})) for each in (before, after))
    (step,) = describe(writer, reader)
    assert (step.path, step.when) == ("$.m{*}", "one of B")
    assert step.rule == {"do": "map", "path": "m{*}", "table": {"B": None}}


def test_a_type_in_another_namespace_says_what_else_the_target_needs() -> None:
    writer, fields = record(field("a", "int"), name="market.R"), (field("a", "long"), field("b", "int"))
    moved, widened, added = describe(writer, record(*fields, name="config.R"))
    assert (moved.what, moved.needs_person, moved.rule) == (What.MOVED, True, {"do": "retype", "to": "config.R"})
    assert (widened.what, added.what) == (What.WIDENED, What.ADDED)
    known = describe(writer, record(*fields, name="config.R", aliases=["market.R"]))[0]
    assert (known.what, known.needs_person, known.rule) == (What.MOVED, False, None)
    assert describe(writer, record(field("a", "int"), name="market.S", aliases=["R"]))[0].what == What.RENAMED


@pytest.mark.parametrize("before", EVENT_ID)
@pytest.mark.parametrize("after", EVENT_ID)
def test_every_pair_of_generations_is_one_step_that_agrees_with_resolving(before: str, after: str) -> None:
    writer, reader = event(before), event(after)
    steps = describe(writer, reader)
    if before == after:
        assert steps == []
        return
    (step,) = steps
    assert (step.path, step.what) == ("$.EventId", What.EVENT_ID)
    values = {"id": "u", "userId": "u", "hostId": "h", "nonce": 1, "timestamp": 2, "derived": False}
    body = from_json_value(writer, {"EventId": {name: values[name] for name in EVENT_ID[before]}})
    grows = set(EVENT_ID[before]) < set(EVENT_ID[after]) and after != "later"
    assert step.needs_person != grows
    assert step.rule == (None if grows else {"do": "event_id"})
    if grows:
        resolve(body, writer, reader)
        assert "gets the target's default" in step.detail
    else:
        with pytest.raises(Unresolvable):
            resolve(body, writer, reader)


def test_an_id_that_stops_being_the_user_needs_a_person_even_where_defaults_would_do() -> None:
    reader = event("later", defaults={**DEFAULTS, "userId": "", "hostId": ""})
    (step,) = describe(event("document"), reader)
    assert step.needs_person
    assert "goes into userId" in step.detail
    assert changes_identity(event("document"), reader)
    assert changes_identity(event("early"), reader)
    assert not changes_identity(reader, event("document"))
    assert not changes_identity(event("early"), event("document"))
    assert not changes_identity(record(), reader)


def test_a_field_inside_event_id_of_another_type_is_said_beside_the_generation() -> None:
    fields = [field("id", "string"), field("nonce", "int")]
    name = "com.networknt.kafka.common.EventId"
    writer = record(field("EventId", {"type": "record", "name": name, "fields": fields}), name="t.E")
    assert [(s.path, s.what) for s in describe(writer, event("document"))] == [
        ("$.EventId", What.EVENT_ID), ("$.EventId.nonce", What.WIDENED)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("writer", "reader", "what", "needs"),
    [
        (MILLIS, "long", "logical", False), ("long", MILLIS, "logical", False),
        ("string", {"type": "string", "logicalType": "uuid"}, "logical", False),
        (MILLIS, {"type": "long", "logicalType": "local-timestamp-millis"}, "meaning", True),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
         {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}, "meaning", True),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, "bytes", "meaning", True),
        ("bytes", {"type": "bytes", "logicalType": "decimal", "precision": 9}, "meaning", True),
    ],
)  # fmt: skip
def test_a_logical_type_never_changes_silently(writer: Any, reader: Any, what: str, needs: bool) -> None:
    before, after = record(field("a", writer)), record(field("a", reader))
    assert before.fingerprint == after.fingerprint
    assert said(writer, reader) == [("$.a", what, needs)]
    body = b"\2" if before.root.fields[0].type.kind == "long" else b"\2a"
    assert same_bytes(before, after) == (not needs)
    if needs:
        with pytest.raises(Unresolvable, match="cannot be turned"):
            resolve(body, before, after)
    else:
        assert resolve(body, before, after) is body


def test_a_logical_type_inside_a_union_is_seen() -> None:
    assert said(["null", MILLIS], ["null", MICROS]) == [("$.a", "meaning", True)]
    assert said(MILLIS, ["null", MICROS]) == [("$.a", "union", False), ("$.a", "meaning", True)]


def test_equal_schemas_have_nothing_to_say() -> None:
    schema = record(field("a", MILLIS), field("next", ["null", "t.R"]))
    assert describe(schema, parse(json.dumps({**json.loads(schema.text), "doc": "new"}))) == []


def test_a_record_inside_itself_is_described_once() -> None:
    writer = record(field("next", ["null", "t.R"]), field("gone", "int"))
    reader = record(field("next", ["null", "t.R"]))
    assert [(s.path, s.what) for s in describe(writer, reader)] == [("$.gone", What.REMOVED)]


def test_schemas_that_differ_in_thousands_of_places_are_described_in_bounds() -> None:
    writer = record(*(field(f"f{n}", "string") for n in range(2_000)))
    steps = describe(writer, record())
    assert (len(steps), steps[-1].what, steps[-1].needs_person) == (MOST_STEPS, What.TOO_MUCH, True)
    doubling: Any = {"type": "record", "name": "D0", "fields": [field("x", MILLIS)]}
    for n in range(1, 30):
        doubling = {"type": "record", "name": f"D{n}", "fields": [field("l", doubling), field("r", f"D{n - 1}")]}
    other = json.loads(json.dumps(doubling))
    other["fields"].append(field("more", "int", default=1))
    assert describe(parse(json.dumps(doubling)), parse(json.dumps(other)))[-1].what == What.TOO_MUCH


def test_long_names_and_defaults_are_cut() -> None:
    symbols = [f"S{'x' * 1_000}{n}" for n in range(500)]
    before, after = ({"type": "enum", "name": "E", "symbols": each} for each in (symbols, ["A"]))
    steps = describe(record(field("a", before)), record(field("a", after), field("b", "string", default="y" * 5_000)))
    assert all(len(step.detail) < 4_000 for step in steps)
    assert "and 480 more" in steps[0].detail


def test_what_goes_into_a_plan_is_json() -> None:
    writer = record(field("a", ["null", "string"]), field("b", "int"))
    steps = [step.to_json() for step in describe(writer, record(field("a", "string")))]
    assert json.loads(json.dumps(steps)) == steps
    assert [(s["path"], s["when"], s["help"]) for s in steps] == [("$.a", "null", "set a."), ("$.b", "", "drop b.")]
