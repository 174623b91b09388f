"""Rules in JSON: checked as a whole, both ways, described, and read from files of any origin."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.json_codec import MalformedJson
from promotion.domain.octets import visible
from promotion.domain.rewrite import Format, InvalidRules, describe, read_rules, rules_from_json, to_json, write_rules
from tests.domain.rewriting import do, replace, rule
from tests.domain.strategies import TEXTS, json_values

PATHS = st.sampled_from(
    ["hostId", "EventId.userId", "items[*].id", "items[3]", "labels{a}", 'labels{"\\u202e"}', "**.id"]
)
SCOPES = st.sampled_from(["promotion", "pair"])
SHIFTS = st.sampled_from(["1d", "-36h", "5m", "-90s", "250ms"])
WORDS = TEXTS.filter(bool)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
NUMBERS = st.integers(0, 10**15)


def conditions() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(lambda what, names: {"is": what, "any": names},
                  st.sampled_from(["type", "aggregate", "action", "host", "user"]),
                  st.lists(WORDS, min_size=1, max_size=3)),
        st.builds(lambda path, values: {"is": "equals", "path": path, "any": values}, PATHS,
                  st.lists(SCALARS, min_size=1, max_size=3)),
        st.builds(lambda path: {"is": "matches", "path": path, "pattern": "a(b|c)*"}, PATHS),
        st.builds(lambda path: {"is": "missing", "path": path}, PATHS),
        st.builds(lambda n, start: {"is": "position", "partition": n, "start": start}, st.integers(0, 9), NUMBERS),
        st.builds(lambda since, more: {"is": "time", "since": since, "until": since + 1 + more}, NUMBERS, NUMBERS),
    )  # fmt: skip


def actions() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.builds(lambda path, value: do("set", path, value=value), PATHS, json_values().filter(_is_plain_json)),
        st.builds(lambda old, new: replace("**", f"a{old}", f"b{new}"), TEXTS, TEXTS),
        st.builds(lambda path: do("regex", path, pattern="(a)", to=r"\1x"), PATHS),
        st.builds(lambda table, other: do("map", "**", table=table, otherwise=other),
                  st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4), st.sampled_from(["keep", "invalid"])),
        st.sampled_from([do("rename", "a.b", to="c"), do("drop", "items[*].x"), do("drop", "items[0]"),
                         do("retype", to="a.B"), do("generate", "id"), do("exclude"), do("include"), do("event_id")]),
        st.builds(lambda path, scope: do("map_generate", path, scope=scope), PATHS, SCOPES),
        st.builds(lambda scope: do("map_generate", "a", source="**.b", scope=scope), SCOPES),
        st.builds(lambda by: do("shift", "EventId.timestamp", by=by), SHIFTS),
    )  # fmt: skip


def _is_plain_json(value: Any) -> bool:
    try:
        return len(json.dumps(value, allow_nan=False)) < 1_000
    except ValueError:
        return False


def rule_lists() -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.builds(
        lambda name, when, then, on_invalid: rule(*then, when=tuple(when), name=name, on_invalid=on_invalid),
        WORDS, st.lists(conditions(), max_size=3), st.lists(actions(), min_size=1, max_size=3),
        st.sampled_from(["refuse", "exclude"]),
    )  # fmt: skip
    return st.lists(one, max_size=4, unique_by=lambda item: item["name"])


@given(rule_lists())
def test_rules_come_back_from_their_json_exactly(raw):
    rules = rules_from_json(raw)
    out = to_json(rules)
    assert rules_from_json(json.loads(json.dumps(out))) == rules
    assert to_json(rules_from_json(out)) == out
    assert json.dumps(
        [{key: item[key] for key in source} for item, source in zip(out, raw, strict=True)]
    ) == json.dumps(raw)
    assert read_rules(write_rules(rules)).rules == rules


@given(rule_lists())
def test_every_rule_is_described_in_one_short_visible_sentence(raw):
    for made in rules_from_json(raw):
        sentence = describe(made)
        assert sentence[0].isupper()
        assert len(sentence) <= 500
        assert sentence == visible(sentence)


@given(json_values())
def test_any_json_is_rules_or_is_refused_with_problems(value):
    for wrapped in (value, [value], [{"name": "x", "when": [value], "then": [value]}]):
        found = ["none"]
        try:
            rules_from_json(wrapped)
        except InvalidRules as error:
            found = error.problems
        assert found
        assert all(problem.isprintable() for problem in found)


def problems(*rules: Any) -> list[str]:
    with pytest.raises(InvalidRules) as caught:
        rules_from_json(list(rules))
    return caught.value.problems


def test_every_problem_is_named_with_its_place():
    found = problems(
        rule(do("set", "**", value=1), {"do": "jump"}, do("shift", "a", by="soon"), when=({"is": "type", "any": []},)),
        {"name": "", "then": [], "typo": 1},
        rule(replace("a..b", "x", "x"), name="r"),
    )
    assert found == [
        "rule 1, condition 1: any: a list of 1 to 1,000 texts is expected.",
        "rule 1, action 1: path: ** is every text of the event, name a field: **.hostId.",
        'rule 1, action 2: do: "jump" is none of set, replace, regex, map, rename, drop, retype, generate, '
        "map_generate, shift, exclude, include, event_id.",
        "rule 1, action 3: by: a duration like 3d, -36h, 15m, 90s or 250ms is expected, of at most 1,000 years.",
        "rule 2: name: a text of 1 to 200 characters is expected.",
        "rule 2: then: a list of 1 to 50 is expected.",
        'rule 2: the key "typo" is not known.',
        "rule 3, action 1: path: At character 2: a field's name is expected: letters, digits and underscores, with a "
        "dot before all but the first.",
        "rule 3, action 1: from and to are the same.",
        'rule 3: another rule has the name "r" too.',
    ]


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (do("set", "a"), "value is missing"),
        (do("set", "a", value="x" * 10_001), "10,000"),
        (do("set", "a", value="\ud800"), "JSON"),
        (do("replace", "a", **{"from": [1], "to": 1}), "a text, a number"),
        (do("regex", "a", pattern="(", to=""), "RE2"),
        (do("regex", "a", pattern="a", to=r"\1"), "group 1"),
        (do("map", "a", table={}), "1 to 10,000"),
        (do("map", "a", table={str(n): "x" for n in range(10_001)}), "1 to 10,000"),
        (do("map", "a", table={"x": 1}), "texts"),
        (do("map", "a", table={"x": "y"}, otherwise="drop"), "none of keep, invalid"),
        (do("rename", "items[0].a", to="b"), "all items"),
        (do("rename", "items[*]", to="b"), "only a field"),
        (do("rename", "a", to="b-c"), "letters"),
        (do("rename", "a", to="a"), "already"),
        (do("drop", "**"), "every text"),
        (do("retype", to="1.x"), "full name"),
        (do("map_generate", "a", source="**"), "no source"),
        (do("shift", "a", by="0s"), "nothing"),
        (do("shift", "a", by="400000d"), "1,000 years"),
        (do("exclude", "a"), "not known"),
    ],
)
def test_an_action_that_cannot_be_done_is_refused(action, says):
    [problem] = problems(rule(action))
    assert problem.startswith("rule 1, action 1: ")
    assert says in problem


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"is": "host"}, "any is missing"),
        ({"is": "host", "any": [""]}, "texts"),
        ({"is": "equals", "path": "a", "any": [[1]]}, "texts or numbers"),
        ({"is": "matches", "path": "a", "pattern": "a{2000}"}, "RE2"),
        ({"is": "position"}, "start or end is missing"),
        ({"is": "position", "partition": -1}, "whole number"),
        ({"is": "time", "since": 5, "until": 5}, "ends before"),
        ({"is": "time", "since": True}, "whole number"),
        ({"is": "time"}, "since or until"),
        (7, "an object is expected"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_refused(condition, says):
    assert any(problem.startswith("rule 1, condition 1: ") and says in problem
               for problem in problems(rule(do("exclude"), when=(condition,))))  # fmt: skip


def test_more_rules_than_are_allowed_are_refused():
    assert problems(*[rule(do("exclude"), name=str(n)) for n in range(201)]) == [
        "rules: a list of 0 to 200 is expected."
    ]


def test_a_rule_keeps_its_id_when_it_is_renamed():
    [made] = rules_from_json([rule(do("exclude"))])
    [again] = rules_from_json([rule(do("exclude"), name="other", id=str(made.id))])
    assert again.id == made.id
    assert rules_from_json([rule(do("exclude"))])[0].id == made.id


def test_a_rule_says_which_types_it_may_apply_to():
    when = ({"is": "type", "any": ["a.B", "C"]}, {"is": "action", "any": ["Created"]}, {"is": "host", "any": ["h"]})
    [made] = rules_from_json([rule(do("exclude"), when=when)])
    assert made.selects("a.B", "x", "Created")
    assert made.selects("z.C", "x", "Created")
    assert not made.selects("z.B", "x", "Created")
    assert not made.selects("a.B", "x", "Updated")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (rule(replace("**.hostId", "dev", "sit"), when=({"is": "host", "any": ["dev.example"]},)),
         'Where host is dev.example: replace "dev" by "sit" everywhere in hostId.'),
        (rule(do("drop", "a.b"), do("exclude")), "In every event: drop a.b, then exclude it."),
        (rule(do("shift", "t", by="-36h"), when=({"is": "user", "any": ["a", "b", "c", "d", "e"]},)),
         "Where user is a, b, c or one of 2 more: shift t back by 36h."),
        (rule(do("include"), when=({"is": "time", "since": 0, "until": 1_000},)),
         "Where its time is 1970-01-01 00:00:00 UTC or later and before 1970-01-01 00:00:01 UTC: include it."),
        (rule(do("set", "a", value={"x": [1]})), 'In every event: set a to {"x": [1]}.'),
        (rule(do("regex", "**", pattern="\u202e", to="")),
         'In every event: replace what matches "\\u202e" by "" in every text.'),
        (rule(do("map", "a", table={"x": "y"}, otherwise="invalid")),
         "In every event: map the values in a by a table of one entry, which has to have each."),
    ],
)  # fmt: skip
def test_a_rule_is_described(raw, sentence):
    assert describe(rules_from_json([raw])[0]) == sentence


UUID_A, UUID_B = "01964b05-552a-7c4b-9184-6857e7f3dc5f", "01964b05-5532-7c79-8cde-191dcbd421b8"


def older(value: Any) -> list[dict[str, Any]]:
    file = read_rules(json.dumps(value))
    assert file.format is Format.OLDER
    return [item["then"][0] for item in to_json(file.rules)]


@pytest.mark.parametrize(
    "entry",
    [
        {"field": "hostId", "from": "a", "to": "b"},
        {"fieldName": "hostId", "fromValue": "a", "toValue": "b"},
        {"field_name": "hostId", "from_value": "a", "to_value": "b"},
        {"field-name": "hostId", "from-value": "a", "to-value": "b"},
    ],
)
def test_an_older_replacement_is_read_in_every_spelling(entry):
    assert older([entry]) == older({"schemaVersion": 1, "replacement": [entry]}) == [replace("**.hostId", "a", "b")]


@pytest.mark.parametrize("action", ["mapGenerate", "mapAndGenerate", "map-generate", "map_generate", "MAPGENERATE"])
@pytest.mark.parametrize("key", ["sourceField", "source_field", "source-field"])
def test_an_older_enrichment_is_read_in_every_spelling(action, key):
    entry = {"field": "newId", "action": action, key: "userId"}
    assert older([entry]) == [do("map_generate", "**.newId", source="**.userId", scope="promotion")]


def test_older_files_replace_first_and_enrich_afterwards():
    enrich, swap = {"field": "subject", "action": "generateUUID"}, {"field": "hostId", "from": "a", "to": "b"}
    expected = [replace("**.hostId", "a", "b"), do("generate", "**.subject")]
    assert older({"enrichment": [enrich], "replacement": [swap]}) == older([enrich, swap]) == expected


def test_an_older_replacement_without_a_field_replaces_a_uuid_wherever_it_occurs():
    assert older([{"from": UUID_A, "to": UUID_B}]) == [do("regex", "**", pattern=UUID_A, to=UUID_B)]


def test_generating_every_id_is_noted():
    file = read_rules(json.dumps([{"field": "id", "action": "generateUUID"}]))
    assert "acting user" in file.notes[0]


def test_problems_of_an_older_file_name_the_entry():
    replacement = [{"field": "a b", "from": "x", "to": "y"}, {"from": "x", "to": "y"}]
    enrichment = [{"field": "a", "fieldName": "b", "action": "shout"}]
    with pytest.raises(InvalidRules) as caught:
        read_rules(json.dumps({"replacement": replacement, "enrichment": enrichment, "more": []}))
    assert caught.value.problems == [
        "The key 'more' is not known, or holds no list.",
        "replacement 1: field: the name of a field is expected.",
        "replacement 2: without a field, from and to are UUIDs.",
        "enrichment 1: field stands there in two spellings.",
        "enrichment 1: action: generateUUID or mapGenerate is expected.",
    ]


@pytest.mark.parametrize(
    "text",
    ['{"format": "x", "version": 1, "rules": []}', '{"rules": []}', '{"format": "promotion-rules", "version": 2}', "7"],
)
def test_a_file_of_another_kind_is_refused(text):
    with pytest.raises(InvalidRules):
        read_rules(text)


def test_a_file_that_is_no_json_is_refused():
    with pytest.raises(MalformedJson):
        read_rules("replace a by b")


def test_our_list_without_an_envelope_is_read():
    assert read_rules(json.dumps([rule(replace("**.hostId", "a", "b"))])).format is Format.OURS
