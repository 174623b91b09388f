"""Applies rules to events: what is common to all events of a type is found out once, the rest for each event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from promotion.domain.json_codec import DoesNotFit, from_json_value
from promotion.domain.marks import Marks
from promotion.domain.masks import holds_mask, veiled_texts
from promotion.domain.resolve import Unresolvable
from promotion.domain.rewrite.actions import (
    Action,
    ConvertEventId,
    Drop,
    Exclude,
    Generate,
    Include,
    MapGenerate,
    MapValues,
    Regex,
    Rename,
    Replace,
    Retype,
    Set,
    Shift,
)
from promotion.domain.rewrite.generations import convert
from promotion.domain.rewrite.holds import Test, tests
from promotion.domain.rewrite.rule import Rule
from promotion.domain.rewrite.setting import set_value
from promotion.domain.rewrite.structure import drop, rename, retype
from promotion.domain.rewrite.uuids import generate, map_generate
from promotion.domain.rewrite.values import Act, map_values, regex, replace, shift
from promotion.domain.rewrite.work import UNMARKED, Change, Facts, Seeds, Shape, Targets, Work
from promotion.domain.schema import Schema
from promotion.domain.wire import MalformedValue

_MOST_SHAPES = 4_096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules make of one event.

    `body` is the new Avro body, written in `schema`; both are None where the event's bytes stay as they are, and where
    it would be invalid: then `problems` says why. `full_name` is its type afterwards. `excluded` is what the rules say
    of it, None where they say nothing; an invalid event that its rules exclude is excluded, and its problems remain as
    the reason. `matched` are the positions of the rules whose conditions held, `changed_by` of those that did
    something, `changes` the values they changed.
    """

    full_name: str
    body: bytes | None = None
    schema: Schema | None = None
    excluded: bool | None = None
    matched: Sequence[int] = ()
    changed_by: Sequence[int] = ()
    changes: Sequence[Change] = ()
    problems: Sequence[str] = field(default=())

    @property
    def refused(self) -> bool:
        """Whether the event is invalid and the rules do not leave it out."""
        return bool(self.problems) and not self.excluded


class Rewriter:
    """Applies `rules` in their order. One for a whole job: it remembers what it finds out about each type.

    `marks_of` gives the marks of a type by its full name: what only a rule that says so may look into.
    """

    def __init__(
        self, rules: Sequence[Rule], seeds: Seeds, marks_of: Callable[[str], Marks] = lambda _name: UNMARKED
    ) -> None:
        self._rules = tuple(rules)
        self._marks_of = marks_of
        self._seeds = seeds
        self._shapes: dict[tuple[Schema, str, str, str], Shape] = {}

    def selects(self, full_name: str, aggregate: str, action: str) -> bool:
        """Whether any rule may apply to events of a type; see Rule.selects."""
        return any(rule.selects(full_name, aggregate, action) for rule in self._rules)

    def rewrite(self, facts: Facts, schema: Schema, body: bytes, targets: Targets = lambda _name: None) -> Outcome:
        """Return what becomes of the event `body`, written in `schema`. Nothing is raised for a hostile one.

        `targets` gives the target's latest schema of a type, by the full name that the event has by then. It is asked
        only where a rule changed the event's fields or its type, so it should remember its answers.
        """
        work = Work(facts, self._shape(facts, schema), schema, body, targets)
        try:
            self._apply(work)
        except MalformedValue as error:
            return Outcome(facts.full_name, problems=[f"The event cannot be read: {error.message}"])
        return _outcome(work, schema)

    def _apply(self, work: Work) -> None:
        for index, rule in enumerate(self._rules):
            asked = self._tests(work.shape, index)
            if asked is None or not all(test(work) for test in asked):
                continue
            work.rule = rule
            work.matched.append(index)
            before = work.done
            for number in range(len(rule.actions)):
                self._act(work.shape, index, number)(work)
            if work.done != before:
                work.changed_by.append(index)

    def _shape(self, facts: Facts, schema: Schema) -> Shape:
        key = schema, facts.full_name, facts.aggregate, facts.action
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            # Rules may have brought what somebody edited since to another type before: it has both types' marks.
            marks = self._marks_of(facts.full_name) | self._marks_of(schema.full_name)
            names = facts.full_name, facts.aggregate, facts.action
            shape = self._shapes[key] = Shape(schema.root, *names, marks=marks, marks_of=self._marks_of)
        return shape

    def _tests(self, shape: Shape, index: int) -> list[Test] | None:
        if index not in shape.tests:
            shape.tests[index] = tests(self._rules[index], shape)
        ready: list[Test] | None = shape.tests[index]
        return ready

    def _act(self, shape: Shape, index: int, number: int) -> Act:
        act: Act | None = shape.acts.get((index, number))
        if act is None:
            rule = self._rules[index]
            act = shape.acts[index, number] = _bound(rule.actions[number], shape, rule, self._seeds)
        return act


def _exclusion(excluded: bool) -> Act:
    def act(work: Work) -> None:
        work.excluded = excluded

    return act


_BINDERS: dict[type, Callable[..., Act]] = {
    Set: lambda action, shape, _rule, _seeds: set_value(action, shape),
    Replace: lambda action, shape, rule, _seeds: replace(action, shape, rule.sensitive),
    Regex: lambda action, shape, rule, _seeds: regex(action, shape, rule.sensitive),
    MapValues: lambda action, shape, rule, _seeds: map_values(action, shape, rule.sensitive),
    Rename: lambda action, shape, rule, _seeds: rename(action, shape, rule.sensitive),
    Drop: lambda action, shape, _rule, _seeds: drop(action, shape),
    Retype: lambda action, shape, _rule, _seeds: retype(action, shape),
    Generate: generate,
    MapGenerate: lambda action, shape, rule, seeds: map_generate(action, shape, seeds, rule.sensitive),
    Shift: lambda action, shape, rule, _seeds: shift(action, shape, rule.sensitive),
    Exclude: lambda _action, _shape, _rule, _seeds: _exclusion(True),
    Include: lambda _action, _shape, _rule, _seeds: _exclusion(False),
    ConvertEventId: lambda _action, shape, rule, seeds: convert(shape, rule, seeds),
}


def _bound(action: Action, shape: Shape, rule: Rule, seeds: Seeds) -> Act:
    return _BINDERS[type(action)](action, shape, rule, seeds)


def _outcome(work: Work, schema: Schema) -> Outcome:
    body, written_in = None, schema
    if work.structural and not work.problems:
        body, written_in = _in_target(work, schema)
    elif work.touched and not work.problems and not _as_before(work):
        body = _in_source(work, schema)
    if body is not None and holds_mask(body) and not holds_mask(work.body):
        _blame(work, ["it would hold a mask in the place of a value."])
    name, rules = work.shape.full_name, (work.matched, work.changed_by)
    if work.problems:
        excluded = work.excluded if work.refused else True
        return Outcome(name, None, None, excluded, *rules, work.changes, work.problems)
    if body is None or (body == work.body and written_in is schema):
        return Outcome(name, None, None, work.excluded, *rules)
    return Outcome(name, body, written_in, work.excluded, *rules, work.changes)


def _as_before(work: Work) -> bool:
    """Whether rules have taken back what rules had changed: then the original's bytes stay."""
    if not work.twice:
        return False
    now = work.holder[0]
    return repr(now) == repr(work.decoded())


def _in_source(work: Work, schema: Schema) -> bytes | None:
    try:
        return from_json_value(schema, work.holder[0])
    except DoesNotFit as error:
        _blame(work, veiled_texts(error.problems, work.shape.marks))
        return None


def _in_target(work: Work, schema: Schema) -> tuple[bytes | None, Schema]:
    target = work.targets(work.shape.full_name)
    if target is None:
        _blame(work, [f"The target has no schema of {work.shape.full_name}, which the rules' outcome needs."])
        return None, schema
    alignment = work.shape.aligned(target)
    if alignment.homeless:
        _blame(
            work, [f"Neither the event's schema nor the target's has a field {name}." for name in alignment.homeless]
        )
        return None, target
    try:
        return alignment.written(work.holder[0]), target
    except (DoesNotFit, Unresolvable) as error:
        _blame(work, veiled_texts(error.problems, work.shape.marks) or [error.message])
        return None, target


def _blame(work: Work, problems: Sequence[str]) -> None:
    """Lay what the outcome lacks on the rules that changed the fields of the event, else on the last that matched."""
    culprits = work.structural or [work.rule]
    for problem in problems:
        for rule in culprits:
            work.problem(problem, rule)
