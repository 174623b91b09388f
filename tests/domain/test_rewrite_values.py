"""What rules do to the values of events, and what they leave alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.rewrite import Facts, Rewriter, Seeds, rules_from_json
from promotion.domain.schema import parse
from tests.domain.rewriting import (
    ID,
    SEEDS,
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
from tests.domain.strategies import TEXTS, Datum, data

ITEM = record("t.Item", ("id", "string"), ("oldId", ["null", "string"]), ("count", "int"))
OWN = schema(
    ("hostId", "string"),
    ("items", {"type": "array", "items": ITEM}),
    ("labels", {"type": "map", "values": "string"}),
    ("note", ["null", "string"]),
    ("number", ["int", "long", "string"]),
    ("color", {"type": "enum", "name": "t.Color", "symbols": ["RED", "BLUE"]}),
    ("at", {"type": "long", "logicalType": "timestamp-micros"}),
)
VALUE = {
    "EventId": ID["later"],
    "hostId": "dev",
    "items": [{"id": "a", "oldId": {"string": "x"}, "count": 1}, {"id": "b", "oldId": None, "count": 2}],
    "labels": {"k": "v", "a b": "dev"},
    "note": None,
    "number": {"long": 5},
    "color": "RED",
    "at": 5_000_000,
}


def changed(*actions, when=(), **more):
    """The fields of the event that the actions change."""
    new = after(OWN, VALUE, rule(*actions, when=when), **more)
    return {name: value for name, value in new.items() if value != VALUE[name]}


def test_a_value_is_replaced_everywhere_and_every_change_is_told():
    outcome = apply(OWN, VALUE, rule(replace("**.hostId", "dev", "sit")))
    new = to_json_value(OWN, outcome.body)
    assert (new["hostId"], new["EventId"]["hostId"], new["labels"]) == ("sit", "sit", VALUE["labels"])
    assert [(change.path, change.before, change.after) for change in outcome.changes] == [
        ("EventId.hostId", "dev", "sit"),
        ("hostId", "dev", "sit"),
    ]
    assert outcome.schema is OWN
    assert outcome.matched == [0]
    assert (outcome.excluded, outcome.full_name) == (None, OWN.full_name)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (do("set", "items[1].count", value=9), {"items": [VALUE["items"][0], VALUE["items"][1] | {"count": 9}]}),
        (do("set", "note", value="n"), {"note": {"string": "n"}}),
        (do("set", "number", value=7), {"number": {"long": 7}}),
        (do("set", "number", value={"int": 7}), {"number": {"int": 7}}),
        (do("set", "number", value="x"), {"number": {"string": "x"}}),
        (do("set", "labels{new}", value="n"), {"labels": VALUE["labels"] | {"new": "n"}}),
        (do("set", "labels{k}", value="n"), {"labels": VALUE["labels"] | {"k": "n"}}),
        (do("set", "items", value=[]), {"items": []}),
        (replace("number", 5, 6), {"number": {"long": 6}}),
        (replace("items[*].count", 2.0, 3), {"items": [VALUE["items"][0], VALUE["items"][1] | {"count": 3}]}),
        (replace("note", None, "n"), {"note": {"string": "n"}}),
        (replace("**", "dev", "q"), {"EventId": VALUE["EventId"] | {"hostId": "q"}, "hostId": "q",
                                     "labels": {"k": "v", "a b": "q"}}),
        (do("regex", "**.id", pattern="^([a-e])(1?)$", to=r"<\1>\2"),
         {"EventId": VALUE["EventId"] | {"id": "<e>1"},
          "items": [VALUE["items"][0] | {"id": "<a>"}, VALUE["items"][1] | {"id": "<b>"}]}),
        (do("map", "labels{*}", table={"v": "w"}), {"labels": {"k": "w", "a b": "dev"}}),
        (do("map", "color", table={"RED": "BLUE"}), {"color": "BLUE"}),
        (do("drop", "items[0]"), {"items": VALUE["items"][1:]}),
        (do("drop", "items[*]"), {"items": []}),
        (do("drop", "labels{k}"), {"labels": {"a b": "dev"}}),
        (do("drop", "labels{*}"), {"labels": {}}),
        (do("shift", "at", by="-2s"), {"at": 3_000_000}),
        (do("shift", "EventId.timestamp", by="1m"), {"EventId": VALUE["EventId"] | {"timestamp": 61_000}}),
    ],
    ids=lambda item: f"{item['do']} {item['path']}" if "do" in item else "",
)  # fmt: skip
def test_an_action_changes_its_place_and_nothing_else(action, expected):
    assert changed(action) == expected


@pytest.mark.parametrize(
    "action",
    [
        replace("**.hostId", "other", "sit"), replace("number", "5", 6), replace("number", True, 1),
        do("set", "hostId", value="dev"), do("set", "number", value=5), do("set", "items[7].id", value="x"),
        do("set", "none.where", value=1), do("regex", "**", pattern="zzz", to=""),
        do("regex", "number", pattern="5", to=""),
        do("map", "**", table={"zzz": "y"}), do("drop", "items[7]"), do("drop", "labels{zzz}"), do("drop", "**.zzz"),
        do("rename", "zzz", to="y"), do("shift", "hostId", by="1d"), do("shift", "note", by="1d"),
        do("generate", "items[*].count"), do("map_generate", "**.zzz"), do("map_generate", "note"),
        do("map_generate", "hostId", source="note"), do("retype", to=OWN.full_name), do("exclude"), do("include"),
    ],
    ids=str,
)  # fmt: skip
def test_an_action_that_finds_nothing_to_change_leaves_the_bytes(action):
    outcome = apply(OWN, VALUE, rule(action))
    assert unchanged(outcome)
    assert outcome.matched == [0]


def test_what_a_later_rule_takes_back_leaves_the_bytes():
    there, back = replace("hostId", "dev", "x"), replace("hostId", "x", "dev")
    assert unchanged(apply(OWN, VALUE, rule(there, back)))
    assert unchanged(apply(OWN, VALUE, rule(do("set", "labels{n}", value="x"), do("drop", "labels{n}"))))


@pytest.mark.parametrize(
    "actions",
    [
        [replace("b", "z", "q"), replace("b", "q", "z")],
        [do("set", "b", value="z")],
        [do("set", "a", value=["x", "y"])],
        [do("map", "**", table={"z": "z"})],
        [do("exclude")],
    ],
    ids=str,
)
def test_an_unusual_encoding_stays_where_nothing_changes(actions):
    made = parse(json.dumps(record("t.R", ("a", {"type": "array", "items": "string"}), ("b", "string"))))
    in_two_blocks = b"\x02\x02x\x02\x02y\x00\x02z"
    assert unchanged(rewriter(rule(*actions)).rewrite(facts(made), made, in_two_blocks))


def test_a_value_that_is_set_in_several_places_is_another_one_in_each():
    made = schema(("x", {"type": "array", "items": {"type": "array", "items": "string"}}))
    value = {"EventId": ID["later"], "x": [["a"], ["b"]]}
    assert after(made, value, rule(do("set", "x[*]", value=["q"]), replace("x[0][0]", "q", "r")))["x"] == [["r"], ["q"]]


def test_a_value_that_does_not_fit_is_a_problem_and_the_rule_says_what_becomes_of_the_event():
    for on_invalid, refused, excluded in (("refuse", True, None), ("exclude", False, True)):
        outcome = apply(OWN, VALUE, rule(do("set", "items[*].count", value="x"), on_invalid=on_invalid))
        assert (outcome.body, outcome.schema, outcome.refused, outcome.excluded) == (None, None, refused, excluded)
        assert list(outcome.problems) == ['Rule "r": the value does not fit at items[*].count: int is expected.'] * 2


def test_an_event_that_the_rules_exclude_may_be_invalid():
    outcome = apply(OWN, VALUE, rule(do("set", "at", value="x"), do("exclude")))
    assert (outcome.refused, outcome.excluded, outcome.body) == (False, True, None)


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (do("map", "color", table={"RED": "PINK"}), "no such symbol"),
        (do("map", "hostId", table={"x": "y"}, otherwise="invalid"), "hostId is not in the table"),
        (do("shift", "at", by="365000d"), None),
        (do("set", "labels{n}", value=1), "labels{*}: string is expected"),
        (do("set", "labels", value={"n": 1}), "does not fit at labels"),
    ],
)
def test_problems_name_the_place_and_not_the_content(action, says):
    outcome = apply(OWN, VALUE, rule(action, name="\u202ename"))
    if says is None:
        assert outcome.body
    else:
        [problem] = outcome.problems
        assert says in problem
        assert "dev" not in problem
        assert problem.startswith('Rule "\\u202ename": ')


def test_a_timestamp_out_of_range_is_a_problem_and_one_that_was_not_set_stays():
    late = VALUE | {"at": 2**63 - 1}
    assert "out of range" in apply(OWN, late, rule(do("shift", "at", by="1d"))).problems[0]
    unset = VALUE | {"EventId": ID["later"] | {"timestamp": 0}}
    assert unchanged(apply(OWN, unset, rule(do("shift", "EventId.timestamp", by="1d"))))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"is": "type", "any": [OWN.full_name]}, True), ({"is": "type", "any": ["ThingCreatedEvent"]}, True),
        ({"is": "type", "any": ["x.ThingCreatedEvent"]}, False), ({"is": "aggregate", "any": ["Thing"]}, True),
        ({"is": "action", "any": ["Updated", "Created"]}, True), ({"is": "action", "any": ["Updated"]}, False),
        ({"is": "host", "any": ["dev"]}, True), ({"is": "host", "any": ["ann"]}, False),
        ({"is": "user", "any": ["ann", "x"]}, True), ({"is": "user", "any": ["e1"]}, False),
        ({"is": "equals", "path": "items[*].id", "any": ["z", "b"]}, True),
        ({"is": "equals", "path": "items[0].id", "any": ["b"]}, False),
        ({"is": "equals", "path": "number", "any": [5.0]}, True),
        ({"is": "equals", "path": "number", "any": ["5"]}, False),
        ({"is": "equals", "path": "note", "any": [None]}, True),
        ({"is": "equals", "path": "zzz", "any": [None]}, False),
        ({"is": "matches", "path": "labels{*}", "pattern": "^d"}, True),
        ({"is": "matches", "path": "number", "pattern": "5"}, False),
        ({"is": "matches", "path": "note", "pattern": ".*"}, False),
        ({"is": "matches", "path": "zzz", "pattern": ".*"}, False),
        ({"is": "missing", "path": "note"}, True), ({"is": "missing", "path": "zzz"}, True),
        ({"is": "missing", "path": "items[*].oldId"}, False), ({"is": "missing", "path": "items[1].oldId"}, True),
        ({"is": "missing", "path": "items[5].id"}, True), ({"is": "missing", "path": "hostId"}, False),
        ({"is": "position", "partition": 0}, True), ({"is": "position", "partition": 1}, False),
        ({"is": "position", "start": 5, "end": 6}, True), ({"is": "position", "end": 5}, False),
        ({"is": "position", "partition": 0, "start": 6}, False),
        ({"is": "time", "since": 2_000, "until": 2_001}, True), ({"is": "time", "until": 2_000}, False),
        ({"is": "time", "since": 2_001}, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_condition_holds_or_does_not(condition, holds):
    outcome = apply(OWN, VALUE, rule(do("exclude"), when=(condition,)))
    assert outcome.excluded is (True if holds else None)
    assert outcome.matched == ([0] if holds else [])


def test_a_record_without_a_time_is_in_no_range():
    assert apply(OWN, VALUE, rule(do("exclude"), when=({"is": "time", "until": 5},)), timestamp=-1).excluded is None


@pytest.mark.parametrize(
    ("generation", "user", "host"), [("early", "ann", None), ("document", "ann", None), ("later", "ann", "dev")]
)
def test_host_and_user_are_found_in_every_generation(generation, user, host):
    made, value = schema(("x", "int"), generation=generation), {"EventId": ID[generation], "x": 1}
    for what, name in (("user", user), ("host", host)):
        if name:
            assert apply(made, value, rule(do("exclude"), when=({"is": what, "any": [name]},))).excluded
    assert apply(made, value, rule(do("exclude"), when=({"is": "host", "any": ["ann"]},))).excluded is None


def test_the_events_own_host_in_a_union_counts_and_an_empty_one_does_not():
    made = schema(("hostId", ["null", "string"]))
    ask = rule(do("exclude"), when=({"is": "host", "any": ["own"]},))
    assert apply(made, {"EventId": ID["later"], "hostId": {"string": "own"}}, ask).excluded
    ask = rule(do("exclude"), when=({"is": "host", "any": ["dev"]},))
    assert apply(made, {"EventId": ID["later"], "hostId": {"string": ""}}, ask).excluded
    assert apply(made, {"EventId": ID["later"], "hostId": None}, ask).excluded


def test_later_rules_see_what_earlier_ones_did():
    first = rule(replace("**.hostId", "dev", "sit"), name="a")
    second = rule(do("set", "note", value="n"), when=({"is": "host", "any": ["sit"]},), name="b")
    third = rule(do("exclude"), when=({"is": "equals", "path": "hostId", "any": ["dev"]},), name="c")
    outcome = apply(OWN, VALUE, first, second, third)
    assert outcome.matched == [0, 1]
    assert to_json_value(OWN, outcome.body)["note"] == {"string": "n"}
    assert apply(OWN, VALUE, second, first).matched == [1]


def test_the_last_word_on_exclusion_stands():
    assert apply(OWN, VALUE, rule(do("exclude"), name="a"), rule(do("include"), name="b")).excluded is False


def test_a_body_that_cannot_be_read_is_a_problem_only_where_a_rule_has_to_read_it():
    broken = b"\xff" * 3
    ask = rewriter(rule(do("exclude"), when=({"is": "equals", "path": "color", "any": ["RED"]},)))
    assert "cannot be read" in ask.rewrite(facts(OWN), OWN, broken).problems[0]
    assert rewriter(rule(do("exclude"))).rewrite(facts(OWN), OWN, broken).excluded
    assert unchanged(rewriter(rule(replace("**.hostId", "dev", "sit"))).rewrite(facts(OWN), OWN, broken))


def test_a_type_that_no_rule_may_apply_to_is_known():
    made = rewriter(rule(do("exclude"), when=({"is": "type", "any": ["A"]},)),
                    rule(do("exclude"), when=({"is": "aggregate", "any": ["B"]},), name="b"))  # fmt: skip
    assert made.selects("x.A", "A", "")
    assert made.selects("x.C", "B", "")
    assert not made.selects("x.C", "C", "")


def uuids(action, value=VALUE, seeds=SEEDS, **where):
    made = Rewriter(rules_from_json([rule(action)]), seeds)
    outcome = made.rewrite(facts(OWN, **where), OWN, from_json_value(OWN, value))
    return [change.after for change in outcome.changes]


def test_a_generated_uuid_is_the_same_at_every_pass_and_another_at_every_place():
    action = do("generate", "items[*].id")
    first = uuids(action)
    assert first == uuids(action)
    other = Seeds(SEEDS.pair, SEEDS.pair)
    everywhere = [first, uuids(action, offset=6), uuids(action, partition=1), uuids(action, seeds=other)]
    assert len({each for some in everywhere for each in some}) == 8
    assert uuids(do("generate", "note")) != []


def test_another_rule_generates_another_uuid():
    made = schema(("a", "string"))
    both = [after(made, {"EventId": ID["later"], "a": "x"}, rule(do("generate", "a"), name=name))["a"] for name in "pq"]
    assert len(set(both)) == 2


def test_a_mapped_uuid_depends_on_the_source_value_and_its_scope_alone():
    own = uuids(do("map_generate", "hostId"))
    assert own == uuids(do("map_generate", "hostId"), offset=99, partition=7)
    assert own == uuids(do("map_generate", "EventId.hostId"))
    assert own == uuids(do("map_generate", "note", source="EventId.hostId"))
    pair = uuids(do("map_generate", "hostId", scope="pair"))
    assert pair != own
    assert pair == uuids(do("map_generate", "hostId", scope="pair"), seeds=Seeds(SEEDS.pair, SEEDS.pair))
    assert own != uuids(do("map_generate", "hostId"), value=VALUE | {"hostId": "other"})


def test_an_item_takes_its_own_source_and_none_takes_its_neighbours():
    items = [{"id": "a", "oldId": {"string": "x"}, "count": 1}, {"id": "b", "oldId": None, "count": 2},
             {"id": "c", "oldId": {"string": "y"}, "count": 3}]  # fmt: skip
    new = after(OWN, VALUE | {"items": items}, rule(do("map_generate", "items[*].id", source="items[*].oldId")))[
        "items"
    ]
    x, y = uuids(do("map_generate", "hostId"), value=VALUE | {"hostId": "x"}) + uuids(
        do("map_generate", "hostId"), value=VALUE | {"hostId": "y"}
    )
    assert [item["id"] for item in new] == [x, "b", y]
    assert after(OWN, VALUE, rule(do("map_generate", "items[*].id", source="items[*].count")))["items"][1]["id"] != "b"


# Properties


def the_rules(old, new):
    return rule(
        replace("**", old, new), do("regex", "**.f1", pattern="^a", to="b"), do("map", "**.f0", table={old: new})
    )


@given(data(), TEXTS, TEXTS.map(lambda text: f"new {text}"))
def test_rules_do_not_touch_what_does_not_match(datum: Datum, old, new):
    made = Rewriter(rules_from_json([the_rules(old + "\u2603", new)]), SEEDS)
    outcome = made.rewrite(Facts(datum.schema.full_name, "", "", 0, 0, 0), datum.schema, datum.body)
    texts = json.dumps(datum.json_value)
    if outcome.body is None:
        assert unchanged(outcome)
    else:
        assert outcome.changes
        assert all(change.path.endswith("f1") and change.before[0] == "a" for change in outcome.changes), texts


@given(data(), st.data())
def test_untouched_values_keep_their_branches_and_the_outcome_can_be_read(datum: Datum, choice):
    texts = sorted(set(find_texts(datum.json_value))) or ["x"]
    old = choice.draw(st.sampled_from(texts))
    made = Rewriter(rules_from_json([rule(replace("**", old, "☃"))]), SEEDS)
    where = Facts(datum.schema.full_name, "", "", 0, 0, 0)
    outcome = made.rewrite(where, datum.schema, datum.body)
    if outcome.body is None:
        assert unchanged(outcome)
        return
    new = to_json_value(outcome.schema, outcome.body)
    assert repr(new) == repr(swapped(datum.schema.root, datum.json_value, old, "☃"))
    assert unchanged(made.rewrite(where, outcome.schema, outcome.body)), "idempotent"
    assert made.rewrite(where, datum.schema, datum.body) == outcome, "deterministic"


def find_texts(value):
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from find_texts(item)
        case dict():
            for item in value.values():
                yield from find_texts(item)


def swapped(node, value, old, new):
    """Replace texts, strings of the schema only, the simple way."""
    match node.kind:
        case "string":
            return new if value == old else value
        case "union" if value is not None:
            [(tag, inside)] = value.items()
            return {tag: swapped(next(each for each in node.inner if each.tag == tag), inside, old, new)}
        case "record":
            return {item.name: swapped(item.type, value[item.name], old, new) for item in node.fields}
        case "array":
            return [swapped(node.inner[0], item, old, new) for item in value]
        case "map":
            return {key: swapped(node.inner[0], item, old, new) for key, item in value.items()}
        case _:
            return value


@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=6))
def test_the_same_source_becomes_the_same_uuid_across_fields_and_events(values):
    made = Rewriter(rules_from_json([rule(do("map_generate", "**.id"), do("map_generate", "**.hostId"))]), SEEDS)
    seen: dict[str, set[str]] = {}
    for offset, value in enumerate(values):
        event = VALUE | {"hostId": value, "items": [{"id": each, "oldId": None, "count": 0} for each in values]}
        outcome = made.rewrite(facts(OWN, offset=offset), OWN, from_json_value(OWN, event))
        for change in outcome.changes:
            seen.setdefault(change.before, set()).add(change.after)
    assert all(len(new) == 1 for new in seen.values())
    assert len({next(iter(new)) for new in seen.values()}) == len(seen)
