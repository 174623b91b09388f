"""What differs between two versions of a list of rules: a rule is the same one where its id is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promotion.domain.rewrite.describe import describe
from promotion.domain.rewrite.rule import Rule


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule that is `new`, `changed`, `moved` (the same at another place) or `removed`, by its newest name.

    `before` and `after` are sentences, empty where there is no such rule.
    """

    status: str
    name: str
    before: str
    after: str


def compare(before: Sequence[Rule], after: Sequence[Rule]) -> list[Difference]:
    """Return what became of each rule that is not the same in both, in the order of `after`, removed ones last."""
    old, new = {rule.id: rule for rule in before}, {rule.id for rule in after}
    # Places among the rules that both have: a rule that is added or removed moves no other.
    places = ([rule.id for rule in before if rule.id in new], [rule.id for rule in after if rule.id in old])
    stayed = {one for one, other in zip(*places, strict=True) if one == other}
    found = [_difference(old.get(rule.id), rule, rule.id in stayed) for rule in after]
    removed = [Difference("removed", rule.name, describe(rule), "") for rule in before if rule.id not in new]
    return [each for each in found if each is not None] + removed


def _difference(before: Rule | None, after: Rule, stayed: bool) -> Difference | None:
    if before is None:
        return Difference("new", after.name, "", describe(after))
    said, says = describe(before), describe(after)
    if before == after and said == says:  # to Python 1 and true are equal
        return None if stayed else Difference("moved", after.name, said, says)
    name = after.name if before.name == after.name else f"{before.name}, now {after.name}"
    if said == says and before.name == after.name:  # a long table, or what becomes of events it makes invalid
        says = f"{says} It differs in what is not shown here."
    return Difference("changed", name, said, says)
