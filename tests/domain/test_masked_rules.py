"""A rule passes over sensitive fields unless it says that it may look into them."""

from typing import Any

import pytest

from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.marks import Marks
from promotion.domain.masks import SIGN
from promotion.domain.rewrite import InvalidRules, Outcome, Rewriter, describe, rules_from_json, to_json
from tests.domain.rewriting import ID, NAME, SEEDS, do, facts, record, replace, rule, schema

MADE = schema(
    ("password", "string"),
    ("note", "string"),
    ("pin", "long"),
    ("keys", {"type": "array", "items": record("t.Key", ("secret", "string"), ("name", "string"))}),
    ("more", record("t.More", ("token", ["null", "string"]))),
)
MARKS = Marks(["password", "pin", "keys[].secret", "more.token"])
VALUE: dict[str, Any] = {
    "EventId": ID["later"],
    "password": "hunter2",
    "note": "hunter2",
    "pin": 7,
    "keys": [{"secret": "hunter2", "name": "hunter2"}],
    "more": {"token": {"string": "hunter2"}},
}


def apply(*rules: dict[str, Any], target: Any = None) -> Outcome:
    marks = {NAME: MARKS}
    rewriter = Rewriter(rules_from_json(list(rules)), SEEDS, lambda name: marks.get(name, Marks()))
    targets = {target.full_name: target} if target else {}
    return rewriter.rewrite(facts(MADE), MADE, from_json_value(MADE, VALUE), targets.get)


def changed(*rules: dict[str, Any]) -> set[str]:
    return {each.path for each in apply(*rules).changes}


@pytest.mark.parametrize(
    ("action", "reads", "besides"),
    [
        (replace("**", "hunter2", "x"), {"password", "note", "keys[*].secret", "keys[*].name", "more.token"},
         {"note", "keys[*].name"}),
        (replace("password", "hunter2", "x"), {"password"}, set()),
        (do("regex", "**", pattern="h(.)", to="x"),
         {"password", "note", "keys[*].secret", "keys[*].name", "more.token"}, {"note", "keys[*].name"}),
        (do("map", "keys[*].secret", table={"hunter2": "x"}, otherwise="keep"), {"keys[*].secret"}, set()),
        (do("map_generate", "password"), {"password"}, set()),
        (do("map_generate", "note", source="password"), {"note"}, set()),
        (do("shift", "pin", by="1ms"), {"pin"}, set()),
    ],
)  # fmt: skip
def test_an_action_that_reads_passes_over_sensitive_fields(
    action: dict[str, Any], reads: set[str], besides: set[str]
) -> None:
    assert changed(rule(action)) == besides
    assert changed(rule(action, sensitive=True)) == reads


@pytest.mark.parametrize(
    "condition",
    [
        {"is": "equals", "path": "password", "any": ["hunter2"]},
        {"is": "equals", "path": "**.secret", "any": ["hunter2"]},
        {"is": "matches", "path": "keys[*].secret", "pattern": "^h"},
        {"is": "matches", "path": "more.token", "pattern": "^h"},
    ],
)
def test_a_condition_that_reads_does_not_hold_for_sensitive_fields(condition: dict[str, Any]) -> None:
    assert not apply(rule(do("exclude"), when=(condition,))).excluded
    assert apply(rule(do("exclude"), when=(condition,), sensitive=True)).excluded


def test_whether_a_sensitive_field_is_missing_is_not_told() -> None:
    for path in ("password", "**.token", "more.token"):
        asked = {"is": "missing", "path": path}
        assert not apply(rule(do("exclude"), when=(asked,))).excluded
    assert apply(rule(do("exclude"), when=({"is": "missing", "path": "nothing"},))).excluded


def test_a_constant_may_be_set_and_a_new_uuid_generated_without_looking() -> None:
    assert changed(rule(do("set", "password", value="x"))) == {"password"}
    assert changed(rule(do("set", "keys[*].secret", value="x"))) == {"keys[*].secret"}
    assert changed(rule(do("generate", "password"))) == {"password"}


def test_a_sensitive_field_may_be_dropped_but_not_renamed() -> None:
    target = schema(*(item for item in _fields() if item[0] != "password"), ("other", "string", ""))
    assert apply(rule(do("drop", "password")), target=target).body is not None
    for action in (do("rename", "password", to="other"), do("rename", "more", to="other")):
        assert apply(rule(action), target=target).changes == ()
    renamed = apply(rule(do("rename", "password", to="other"), sensitive=True), target=target)
    assert to_json_value(target, renamed.body or b"")["other"] == "hunter2"


def test_an_event_that_became_another_type_keeps_the_marks_of_both() -> None:
    other = NAME.replace("Thing", "Other")
    rules = rule(do("retype", to=other), name="a"), rule(replace("**", "hunter2", "x"), name="b")
    moved = schema(*_fields(), name=other)
    after = to_json_value(moved, apply(*rules, target=moved).body or b"")
    assert (after["password"], after["note"]) == ("hunter2", "x")


def test_why_an_event_would_be_invalid_shows_nothing_of_a_sensitive_field() -> None:
    target = schema(("password", "long"), *(item for item in _fields() if item[0] != "password"))
    outcome = apply(rule(do("drop", "note")), target=target)
    assert outcome.problems
    assert "hunter2" not in str(outcome.problems)


def test_no_rule_writes_a_mask() -> None:
    for action in (
        do("set", "note", value=f"{SIGN} 1 abcd•••"),
        do("set", "note", value=[f"a {SIGN}"]),
        replace("note", "x", f"{SIGN} 1 abcd•••"),
        do("regex", "note", pattern="x", to=f"{SIGN}•••"),
        do("map", "note", table={"x": SIGN}, otherwise="keep"),
    ):
        with pytest.raises(InvalidRules) as caught:
            rules_from_json([rule(action)])
        assert "a mask cannot be a value" in str(caught.value.problems)
    pieces = rule(
        do("regex", "note", pattern="^h", to="•••"), do("regex", "note", pattern="unter2", to="masked 1 abcd•••")
    )
    assert "mask in the place of a value" in str(apply(pieces).problems)


def test_what_a_rule_says_of_sensitive_fields_is_kept_and_told() -> None:
    [plain, open_] = rules_from_json([rule(do("exclude")), rule(do("exclude"), name="s", sensitive=True)])
    assert (plain.sensitive, open_.sensitive) == (False, True)
    assert "sensitive" not in to_json([plain])[0]
    assert to_json([open_])[0]["sensitive"] is True
    assert "look into sensitive fields" in describe(open_)
    with pytest.raises(InvalidRules, match="a problem"):
        rules_from_json([rule(do("exclude"), sensitive="yes")])


def _fields() -> list[tuple[Any, ...]]:
    return [
        ("password", "string"), ("note", "string"), ("pin", "long"),
        ("keys", {"type": "array", "items": record("t.Key", ("secret", "string"), ("name", "string"))}),
        ("more", record("t.More", ("token", ["null", "string"]))),
    ]  # fmt: skip
