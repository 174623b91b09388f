"""A rule: on which events it acts, what it does to them, and how a list of rules stands in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from promotion.domain.json_text import abbreviated
from promotion.domain.masks import mask_paths
from promotion.domain.rewrite.action_json import action_json, read_action
from promotion.domain.rewrite.actions import Action
from promotion.domain.rewrite.conditions import Among, Condition, condition_json, read_condition
from promotion.domain.rewrite.reader import InvalidRules, Reader, holds_nul

MAX_RULES = 200
MAX_CONDITIONS = 50
MAX_ACTIONS = 50
MAX_NAME = 200
_OF_A_NAME = UUID("6f0f6c36-2c0c-5f0c-9d4e-6f1f5a2f3b11")


class OnInvalid(StrEnum):
    """What becomes of an event that a rule would make one that no schema takes."""

    REFUSE = "refuse"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Rule:
    """All `conditions` must hold, then the `actions` are done in their order.

    `id` is what generated UUIDs depend on: a rule that is renamed or moved keeps it. Only a `sensitive` one looks into
    the sensitive fields of an event.
    """

    id: UUID
    name: str
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    on_invalid: OnInvalid = OnInvalid.REFUSE
    sensitive: bool = False

    def selects(self, full_name: str, aggregate: str, action: str) -> bool:
        """Whether the rule may apply to events of a type at all, by what the catalogue knows of it.

        A worker skips the types that no rule selects. (A rule that sees a type only because an earlier rule made it
        depends on that one, which selects the event.)
        """
        facts = {"aggregate": aggregate, "action": action}
        return all(
            names_type(condition.names, full_name)
            if condition.what == "type"
            else condition.what not in facts or facts[condition.what] in condition.names
            for condition in self.conditions
            if isinstance(condition, Among)
        )


def names_type(names: tuple[str, ...], full_name: str) -> bool:
    """Whether a type is among `names`, which may be short."""
    return full_name in names or full_name.rpartition(".")[2] in names


def rules_from_json(value: Any) -> tuple[Rule, ...]:
    """Return the rules of a JSON list. InvalidRules names every problem, and nothing is returned then.

    A rule without an id gets the one that belongs to its name.
    """
    problems: list[str] = []
    raw = _items(value, MAX_RULES, "", "rules", problems, least=0)
    rules = tuple(_rule(item, f"rule {number}", problems) for number, item in enumerate(raw, 1))
    problems += _twice(rules)
    if problems:
        raise InvalidRules(problems)
    return rules


def to_json(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return what `rules_from_json` reads."""
    return [
        {
            "id": str(rule.id),
            "name": rule.name,
            "when": [condition_json(condition) for condition in rule.conditions],
            "then": [action_json(action) for action in rule.actions],
            "on_invalid": str(rule.on_invalid),
            # Left out where it is not so: that is how rules were kept before there were sensitive fields.
            **({"sensitive": True} if rule.sensitive else {}),
        }
        for rule in rules
    ]


def check_keepable(rules: Iterable[Rule]) -> None:
    """Raise InvalidRules where the database cannot keep a rule: PostgreSQL's jsonb takes no U+0000."""
    problems = [
        f"rule {number}: the character U+0000 cannot be kept; in a pattern it is written \\x00."
        for number, raw in enumerate(to_json(rules), 1)
        if holds_nul(raw)
    ]
    if problems:
        raise InvalidRules(problems)


def id_of_name(name: str) -> UUID:
    """Return the id of a rule that was given none."""
    return uuid5(_OF_A_NAME, name)


def _twice(rules: tuple[Rule, ...]) -> Iterator[str]:
    names: set[str] = set()
    ids: set[UUID] = set()
    for number, rule in enumerate(rules, 1):
        if rule.name and rule.name in names:
            yield f"rule {number}: another rule has the name {abbreviated(rule.name)} too."
        elif rule.name and rule.id in ids:
            yield f"rule {number}: another rule has the id {rule.id} too."
        names.add(rule.name)
        ids.add(rule.id)


def _rule(raw: Any, place: str, problems: list[str]) -> Rule:
    reader = Reader(raw, place, problems)
    name = reader.text("name", MAX_NAME)
    when = _items(reader.value_unchecked("when", []), MAX_CONDITIONS, f"{place}: ", "when", problems, least=0)
    then = _items(reader.value_unchecked("then", None), MAX_ACTIONS, f"{place}: ", "then", problems)
    rule = Rule(
        _id(reader, name),
        name,
        tuple(read_condition(Reader(item, f"{place}, condition {n}", problems)) for n, item in enumerate(when, 1)),
        tuple(read_action(Reader(item, f"{place}, action {n}", problems)) for n, item in enumerate(then, 1)),
        OnInvalid(reader.choice("on_invalid", list(OnInvalid), OnInvalid.REFUSE)),
        reader.flag("sensitive"),
    )
    if any(mask_paths(raw)):
        reader.problem("a mask cannot be a value: say the value itself.")
    reader.end()
    return rule


def _items(value: Any, most: int, place: str, what: str, problems: list[str], least: int = 1) -> list[Any]:
    if isinstance(value, list) and least <= len(value) <= most:
        return value
    problems.append(f"{place}{what}: a list of {least} to {most} is expected.")
    return []


def _id(reader: Reader, name: str) -> UUID:
    text = reader.text("id", 40, default=None)
    if not text:
        return id_of_name(name)
    try:
        return UUID(text)
    except ValueError:
        reader.problem("id: a UUID is expected.")
        return id_of_name(name)
