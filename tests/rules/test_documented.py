"""Every example of docs/rules.md is one that is accepted, and every condition and action has one."""

import json
import re
from pathlib import Path

from promotion.domain.rewrite import read_rules, rules_from_json
from promotion.domain.rewrite.action_json import _READERS
from promotion.domain.rewrite.conditions import NAMED

TEXT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
CONDITIONS = [json.loads(each) for each in re.findall(r'`(\{"is".*?\})`', TEXT)]
ACTIONS = [json.loads(each) for each in re.findall(r'`(\{"do".*?\})` \|', TEXT)]


def test_every_condition_is_documented_by_an_example_that_is_read() -> None:
    rules_from_json([{"name": "All", "when": CONDITIONS, "then": [{"do": "exclude"}]}])
    assert {each["is"] for each in CONDITIONS} == {*NAMED, "equals", "matches", "missing", "position", "time"}


def test_every_action_is_documented_by_an_example_that_is_read() -> None:
    rules_from_json([{"name": "All", "then": ACTIONS}])
    assert {each["do"] for each in ACTIONS} == set(_READERS)


def test_every_file_that_is_documented_is_read() -> None:
    found = [read_rules(each, "a.json") for each in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    assert [len(each.rules) for each in found] == [1, 1, 4]
    assert [each.origin.name for each in found if each.origin] == ["dev to sit"]
