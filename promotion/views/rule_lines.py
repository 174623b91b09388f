"""The rules of a promotion as lines: a sentence each, where it came from, and how it stands to what is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.domain.octets import visible
from promotion.domain.rewrite import describe, rules_from_json
from promotion.errors import InvalidInput
from promotion.models import RuleList, RulePass

#: What a line shows of a name.
MOST_NAME = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One rule. `status` is applied, new, changed, moved or removed; `before` is the sentence of the applied one.

    `matched` and `changed` are numbers of events of the newest pass that had this rule, None where none had.
    """

    id: str
    name: str
    sentence: str
    enabled: bool
    status: str
    before: str
    came_from: dict[str, Any] | None
    applied: bool
    matched: int | None
    changed: int | None
    excludes: bool
    last: bool


def sentence(rule: dict[str, Any]) -> str:
    """Return a rule (JSON) in one English sentence."""
    try:
        [read] = rules_from_json([rule])
    except InvalidInput:
        return "This rule was written for another version of the console, which can no longer read it."
    return describe(read)


def name_of(rule: dict[str, Any]) -> str:
    """Return the rule's name, visible to its last character."""
    return visible(str(rule.get("name", ""))[:MOST_NAME]) or "(without a name)"


def lines(rules: RuleList, drafted: Sequence[dict[str, Any]], newest: RulePass | None) -> list[Line]:
    """Return the draft's rules in their order, then the applied ones that it has lost."""
    applied = {each["id"]: each for each in rules.applied}
    counts = _counts(newest)
    moved = _moved([each["id"] for each in rules.applied], [each["id"] for each in drafted])
    kept = {each["id"] for each in drafted}
    return [
        *(
            _line(each, applied.get(each["id"]), each["id"] in moved, counts, last=number == len(drafted))
            for number, each in enumerate(drafted, 1)
        ),
        *(_line(each, each, False, counts, removed=True) for each in rules.applied if each["id"] not in kept),
    ]


def number_of_changes(shown: Iterable[Line]) -> int:
    """Return how many of the lines differ from what is applied."""
    return sum(line.status != "applied" for line in shown)


def names(promotion_id: int, ids: Iterable[str]) -> list[str]:
    """Return the names of rules by their ids: of those that are applied or drafted, else of an earlier pass."""
    wanted = list(ids)
    found: dict[str, str] = {}
    held = RuleList.objects.filter(pk=promotion_id).first()
    sources = [[*held.applied, *(held.draft or [])]] if held is not None else []
    for entries in sources:
        found |= {each["id"]: name_of(each["rule"]) for each in entries}
    if set(wanted) - found.keys():
        for entries in RulePass.objects.filter(promotion=promotion_id, dry=False).values_list("rules", flat=True)[:20]:
            found = {each["id"]: name_of(each["rule"]) for each in entries} | found
    return [found.get(each, "a rule that is no longer here") for each in wanted]


def _line(
    entry: dict[str, Any],
    applied: dict[str, Any] | None,
    moved: bool,
    counts: dict[str, tuple[dict[str, Any], dict[str, int]]],
    *,
    removed: bool = False,
    last: bool = False,
) -> Line:
    rule, seen = counts.get(entry["id"], ({}, None))
    number = seen if rule == entry["rule"] else None
    return Line(
        id=entry["id"],
        name=name_of(entry["rule"]),
        sentence=sentence(entry["rule"]),
        enabled=entry["enabled"],
        status="removed" if removed else _status(entry, applied, moved),
        before=sentence(applied["rule"]) if applied is not None and applied["rule"] != entry["rule"] else "",
        came_from=entry["from"],
        applied=applied is not None,
        matched=None if number is None else number.get("matched", 0),
        changed=None if number is None else number.get("changed", 0),
        excludes=entry["rule"].get("on_invalid") == "exclude",
        last=last,
    )


def _status(entry: dict[str, Any], applied: dict[str, Any] | None, moved: bool) -> str:
    if applied is None:
        return "new"
    same = all(applied[key] == entry[key] for key in ("rule", "enabled"))
    return "moved" if same and moved else "applied" if same else "changed"


def _counts(newest: RulePass | None) -> dict[str, tuple[dict[str, Any], dict[str, int]]]:
    """Return of each rule of the pass its JSON and its numbers."""
    if newest is None:
        return {}
    numbers = newest.counts.get("by_rule", {})
    return {each["id"]: (each["rule"], numbers.get(each["id"], {})) for each in newest.rules if each["enabled"]}


def _moved(before: list[str], after: list[str]) -> set[str]:
    """Return the rules that stand elsewhere among those that are in both lists: as few as explain the new order."""
    old, new = [each for each in before if each in after], [each for each in after if each in before]
    place = {each: number for number, each in enumerate(old)}
    best: list[list[str]] = []  # the longest run of rules that kept their order, ending with each of them
    for at, each in enumerate(new):
        runs = [best[n] for n in range(at) if place[new[n]] < place[each]]
        best.append([*_longest(runs), each])
    return set(new) - set(_longest(best))


def _longest(runs: list[list[str]]) -> list[str]:
    return max(runs, key=lambda run: len(run), default=[])
