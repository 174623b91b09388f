"""Rules that change an event's fields or its type: the outcome is the target's, and nothing is lost in silence."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.rewrite import Facts
from promotion.domain.schema import parse
from tests.domain.rewriting import (
    EVENT_ID,
    ID,
    NAME,
    after,
    apply,
    do,
    facts,
    record,
    replace,
    rewriter,
    rule,
    schema,
    unchanged,
)
from tests.domain.strategies import Datum, data

MOVED = "net.lightapi.portal.moved.ThingUpdatedEvent"
PLAIN = {"EventId": ID["later"], "a": "x"}


def test_a_renamed_field_is_written_as_the_target_has_it():
    made = schema(("a", ["int", "long", "null"]), ("b", {"type": "array", "items": "int"}))
    target = schema(("b", {"type": "array", "items": "long"}), ("c", ["null", "long", "int"]))
    value = {"EventId": ID["later"], "a": {"long": 5}, "b": [1]}
    outcome = apply(made, value, rule(do("rename", "a", to="c")), target=target)
    assert outcome.schema is target
    assert to_json_value(target, outcome.body) == {"EventId": ID["later"], "b": [1], "c": {"long": 5}}
    assert [(each.path, each.before, each.after) for each in outcome.changes] == [("a", 5, None), ("c", None, 5)]


def test_a_new_name_may_be_an_alias_of_the_targets():
    fields = json.loads(schema().text)["fields"]
    fields.append({"name": "new", "type": "string", "aliases": ["old"]})
    target = parse(json.dumps({"type": "record", "name": NAME, "fields": fields}))
    assert after(schema(("a", "string")), PLAIN, rule(do("rename", "a", to="old")), target=target)["new"] == "x"


def test_fields_of_all_items_are_renamed_in_records_arrays_maps_and_unions():
    item = record("t.Item", ("a", "string"))
    new_item = record("t.Item", ("b", "string"))
    made = schema(("x", {"type": "array", "items": ["null", item]}), ("y", {"type": "map", "values": "t.Item"}))
    target = schema(("x", {"type": "array", "items": ["null", new_item]}), ("y", {"type": "map", "values": "t.Item"}))
    value = {"EventId": ID["later"], "x": [None, {"t.Item": {"a": "1"}}], "y": {"k": {"a": "2"}}}
    expected = {"x": [None, {"t.Item": {"b": "1"}}], "y": {"k": {"b": "2"}}}
    for actions in ([do("rename", "**.a", to="b")],
                    [do("rename", "x[*].a", to="b"), do("rename", "y{*}.a", to="b")]):  # fmt: skip
        assert after(made, value, rule(*actions), target=target) == {"EventId": ID["later"]} | expected


def test_a_schema_that_contains_itself_is_reshaped():
    made = schema(("top", record("t.N", ("a", "string"), ("next", ["null", "t.N"]))))
    target = schema(("top", record("t.N", ("b", "string"), ("next", ["null", "t.N"]))))
    value = {"EventId": ID["later"], "top": {"a": "1", "next": {"t.N": {"a": "2", "next": None}}}}
    new = after(made, value, rule(do("rename", "**.a", to="b"), replace("**.b", "2", "3")), target=target)
    assert new["top"] == {"b": "1", "next": {"t.N": {"b": "3", "next": None}}}
    refused = apply(made, value, rule(do("rename", "top.a", to="b")), target=target)
    assert "$.top.next" in refused.problems[0]


def test_a_field_goes_only_where_a_rule_drops_it():
    made, target = schema(("a", "string"), ("b", "string")), schema(("a", "string"))
    value = PLAIN | {"b": "gone"}
    assert after(made, value, rule(do("drop", "b")), target=target) == PLAIN
    more = schema(("a", "string"), ("b", "string"), ("c", "int"))
    lost = apply(more, value | {"c": 1}, rule(do("drop", "b")), target=target)
    assert lost.refused
    assert ["$.c" in problem for problem in lost.problems] == [True]
    assert lost.body is None


def test_a_dropped_field_that_the_target_has_takes_its_default_or_is_a_problem():
    made = schema(("a", "string"), ("b", "string"))
    value = PLAIN | {"b": "gone"}
    target = schema(("a", "string"), ("b", "string", "nothing"))
    assert after(made, value, rule(do("drop", "b")), target=target)["b"] == "nothing"
    assert "$.b" in apply(made, value, rule(do("drop", "b")), target=made).problems[0]


def test_without_the_targets_schema_there_is_no_structural_outcome():
    renaming, setting = do("rename", "a", to="b"), do("set", "b", value=1)
    for action in (do("drop", "a"), renaming, setting, do("retype", to=MOVED), do("event_id")):
        outcome = apply(schema(("a", "string")), PLAIN, rule(action))
        assert outcome.refused
        assert "the target has no schema" in outcome.problems[0].lower()
    excluded = apply(schema(("a", "string")), PLAIN, rule(do("drop", "a"), on_invalid="exclude"))
    assert (excluded.refused, excluded.excluded) == (False, True)


def test_a_name_that_is_taken_is_a_problem():
    made = schema(("a", "string"), ("b", "string"))
    [problem] = apply(made, PLAIN | {"b": "y"}, rule(do("rename", "a", to="b")), target=made).problems
    assert "has a field b already" in problem


def test_a_structural_rule_that_finds_nothing_leaves_the_event_in_its_own_schema():
    made = schema(("x", {"type": "array", "items": record("t.Item", ("a", "string"))}))
    value = {"EventId": ID["later"], "x": []}
    for action in (do("drop", "x[*].a"), do("rename", "x[*].a", to="b"), do("set", "x[*].b", value=1)):
        assert unchanged(apply(made, value, rule(action)))


def test_a_field_that_only_the_target_has_can_be_set():
    item, new_item = record("t.Item", ("a", "string")), record("t.Item", ("a", "string"), ("n", "long"))
    made = schema(("x", {"type": "array", "items": item}))
    target = schema(
        ("x", {"type": "array", "items": new_item}),
        ("note", ["null", "int", "string"]),
        ("none", ["string", "null"], "d"),
    )
    value = {"EventId": ID["later"], "x": [{"a": "1"}, {"a": "2"}]}
    actions = [do("set", "note", value="n"), do("set", "x[*].n", value=7), do("set", "none", value=None)]
    outcome = apply(made, value, rule(*actions), target=target)
    assert to_json_value(target, outcome.body) == {
        "EventId": ID["later"],
        "x": [{"a": "1", "n": 7}, {"a": "2", "n": 7}],
        "note": {"string": "n"},
        "none": None,
    }
    assert [change.path for change in outcome.changes] == ["note", "x[*].n", "x[*].n", "none"]


def test_a_set_field_can_be_changed_and_asked_for_by_later_rules():
    made, target = schema(("a", "string")), schema(("a", "string"), ("b", "string"))
    actions = [do("set", "b", value="x"), replace("**.b", "x", "y"), do("regex", "b", pattern="y", to="z")]
    second = rule(do("exclude"), when=({"is": "equals", "path": "b", "any": ["z"]},), name="second")
    outcome = apply(made, PLAIN, rule(*actions), second, target=target)
    assert to_json_value(target, outcome.body)["b"] == "z"
    assert outcome.excluded


def test_a_set_field_that_no_schema_has_or_that_does_not_fit_is_a_problem():
    made = schema(("a", "string"))
    assert "has a field b" in apply(made, PLAIN, rule(do("set", "b", value=1)), target=made).problems[0]
    target = schema(("a", "string"), ("b", "int"))
    assert "$.b" in apply(made, PLAIN, rule(do("set", "b", value="x")), target=target).problems[0]


def test_new_fields_can_be_generated():
    made, target = schema(("a", "string")), schema(("a", "string"), ("b", "string"), ("c", ["null", "string"], None))
    actions = [do("generate", "b"), do("map_generate", "c", source="a"), do("map_generate", "d", source="zzz")]
    new = after(made, PLAIN, rule(*actions), target=target)
    assert UUID(new["b"])
    assert new["c"] == {"string": after(made, PLAIN, rule(do("map_generate", "a")))["a"]}


def test_a_moved_type_takes_its_inner_types_along_and_later_rules_see_it():
    def own(space):
        symbols = {"type": "enum", "name": f"net.lightapi.portal.{space}.E", "symbols": ["A"]}
        return ("x", ["null", record(f"net.lightapi.portal.{space}.Inner", ("n", "int"))]), ("e", symbols)

    made, target = schema(*own("t")), schema(*own("moved"), name=MOVED)
    value = {"EventId": ID["later"], "x": {"net.lightapi.portal.t.Inner": {"n": 1}}, "e": "A"}
    moving = rule(do("retype", to=MOVED))
    second = rule(do("set", "x.n", value=2), when=({"is": "type", "any": ["ThingUpdatedEvent"]},), name="b")
    third = rule(do("exclude"), when=({"is": "action", "any": ["Created"]},), name="c")
    outcome = apply(made, value, moving, second, third, target=target)
    assert (outcome.full_name, outcome.problems, outcome.matched) == (MOVED, (), [0, 1])
    assert to_json_value(target, outcome.body) == value | {"x": {"net.lightapi.portal.moved.Inner": {"n": 2}}}


def test_the_targets_schema_itself_is_never_changed():
    target = schema(("e", {"type": "enum", "name": "moved.E", "symbols": ["A"]}), name=MOVED)
    made = schema(("e", {"type": "enum", "name": "t.E", "symbols": ["A"]}))
    assert after(made, {"EventId": ID["later"], "e": "A"}, rule(do("retype", to=MOVED)), target=target)["e"] == "A"
    assert target.root.fields[1].type.aliases == ()
    unmoved = schema(("e", {"type": "enum", "name": "moved.E", "symbols": ["A"]}), ("z", "int"))
    event = {"EventId": ID["later"], "e": "A"}
    assert "$.e" in apply(made, event, rule(do("set", "z", value=1)), target=unmoved).problems[0]


NEW_ID = "{id}"
OWN_ID = {
    ("early", "document"): {"id": "ann", "nonce": 7, "timestamp": 2_000, "derived": False},
    ("early", "later"): ID["later"] | {"id": NEW_ID, "hostId": "own", "timestamp": 2_000},
    ("document", "early"): {"id": "ann", "nonce": 7},
    ("document", "later"): ID["later"] | {"id": NEW_ID, "hostId": "own"},
    ("later", "early"): {"id": "ann", "nonce": 7},
    ("later", "document"): {"id": "ann", "nonce": 7, "timestamp": 1_000, "derived": False},
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), OWN_ID, ids=str)
def test_event_id_takes_the_targets_generation(source, target):
    made, other = schema(("hostId", "string"), generation=source), schema(("hostId", "string"), generation=target)
    value = {"EventId": ID[source], "hostId": "own"}
    new = after(made, value, rule(do("event_id")), target=other)
    expected = dict(OWN_ID[source, target])
    if expected["id"] == NEW_ID:
        expected["id"] = str(UUID(new["EventId"]["id"]))
        assert new == after(made, value, rule(do("event_id")), target=other), "deterministic"
        assert new != after(made, value, rule(do("event_id")), target=other, offset=6)
    assert new == {"EventId": expected, "hostId": "own"}


def test_event_id_of_the_targets_generation_stays():
    for generation in EVENT_ID:
        made = schema(("a", "string"), generation=generation)
        assert unchanged(apply(made, {"EventId": ID[generation], "a": "x"}, rule(do("event_id")), target=made))
    assert unchanged(apply(schema(("a", "string"), generation=None), {"a": "x"}, rule(do("event_id"))))


def test_an_event_without_a_host_cannot_become_a_later_one_until_a_rule_gives_it_one():
    made, target = schema(("a", "string"), generation="document"), schema(("a", "string"))
    value = {"EventId": ID["document"], "a": "x"}
    [problem] = apply(made, value, rule(do("event_id")), target=target).problems
    assert "no host" in problem
    new = after(made, value, rule(do("set", "EventId.hostId", value="sit"), do("event_id")), target=target)
    assert new["EventId"]["hostId"] == "sit"
    assert new["EventId"]["userId"] == "ann"


def test_rules_behind_a_conversion_see_its_fields():
    made, target = schema(("hostId", "string"), generation="document"), schema(("hostId", "string"))
    value = {"EventId": ID["document"], "hostId": "dev"}
    second = rule(replace("**.hostId", "dev", "sit"), when=({"is": "user", "any": ["ann"]},), name="b")
    new = after(made, value, rule(do("event_id")), second, target=target)
    assert (new["EventId"]["hostId"], new["hostId"]) == ("sit", "sit")


def renamed(schema_json, old, new):
    """The schema and its values, every field `old` named `new`."""
    match schema_json:
        case dict() if schema_json.get("type") == "record":
            names = [new if item["name"] == old else item["name"] for item in schema_json["fields"]]
            kinds = [renamed(item["type"], old, new) for item in schema_json["fields"]]
            return schema_json | {"fields": [{"name": n, "type": k} for n, k in zip(names, kinds, strict=True)]}
        case dict():
            return {key: renamed(value, old, new) if key in ("items", "values", "type") else value
                    for key, value in schema_json.items()}  # fmt: skip
        case list():
            return [renamed(item, old, new) for item in schema_json]
        case _:
            return schema_json


def in_values(node, value, change):
    """Apply `change` to the dict of each record."""
    match node.kind:
        case "union" if value is not None:
            [(tag, inside)] = value.items()
            return {tag: in_values(next(each for each in node.inner if each.tag == tag), inside, change)}
        case "record":
            return change({item.name: in_values(item.type, value[item.name], change) for item in node.fields})
        case "array":
            return [in_values(node.inner[0], item, change) for item in value]
        case "map":
            return {key: in_values(node.inner[0], item, change) for key, item in value.items()}
        case _:
            return value


@given(data(), st.sampled_from(["f0", "f1", "f2"]))
def test_renaming_everywhere_is_renaming_in_schema_and_value_alike(datum: Datum, old):
    target = parse(json.dumps(renamed(json.loads(datum.schema.text), old, "new")))
    act = rewriter(rule(do("rename", f"**.{old}", to="new"))).rewrite
    outcome = act(Facts(datum.schema.full_name, "", "", 0, 0, 0), datum.schema, datum.body, lambda _name: target)
    expected = in_values(
        datum.schema.root,
        datum.json_value,
        lambda fields: {"new" if key == old else key: item for key, item in fields.items()},
    )
    if outcome.body is None:
        assert unchanged(outcome)
        assert repr(expected) == repr(datum.json_value)
    else:
        assert repr(to_json_value(outcome.schema, outcome.body)) == repr(expected)


def without(schema_json, name):
    """The schema without any field of this name."""
    match schema_json:
        case {"type": "record", "fields": fields}:
            kept = [item | {"type": without(item["type"], name)} for item in fields if item["name"] != name]
            return schema_json | {"fields": kept}
        case dict():
            return {key: without(value, name) if key in ("items", "values", "type") else value
                    for key, value in schema_json.items()}  # fmt: skip
        case list():
            return [without(item, name) for item in schema_json]
        case _:
            return schema_json


@given(data(), st.sampled_from(["f0", "f1", "f2"]))
def test_dropping_everywhere_takes_nothing_else(datum: Datum, name):
    target = parse(json.dumps(without(json.loads(datum.schema.text), name)))
    act = rewriter(rule(do("drop", f"**.{name}"))).rewrite
    outcome = act(Facts(datum.schema.full_name, "", "", 0, 0, 0), datum.schema, datum.body, lambda _name: target)
    expected = in_values(
        datum.schema.root, datum.json_value, lambda fields: {key: item for key, item in fields.items() if key != name}
    )
    shown = datum.json_value if outcome.body is None else to_json_value(target, outcome.body)
    assert not outcome.problems
    assert repr(shown) == repr(expected)


def test_a_rewriter_serves_many_types_and_conditions_in_any_order():
    made, target = schema(("a", "string"), ("b", "int")), schema(("c", "string"), ("b", "int"))
    act = rewriter(rule(do("rename", "a", to="c"), when=({"is": "equals", "path": "b", "any": [1]},)),
                   rule(replace("**", "x", "y"), name="second"))  # fmt: skip
    for number in (1, 2, 1, 2):
        body = from_json_value(made, PLAIN | {"b": number})
        outcome = act.rewrite(facts(made), made, body, {NAME: target}.get)
        new = to_json_value(outcome.schema, outcome.body)
        expected = (True, "y", None) if number == 1 else (False, None, "y")
        assert (outcome.schema is target, new.get("c"), new.get("a")) == expected
