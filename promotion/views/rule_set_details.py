"""What the pages of rule sets show of a version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from promotion.domain.json_text import dump_json
from promotion.domain.octets import visible
from promotion.domain.rewrite import Difference, RuleFile, compare, describe, rules_from_json, to_json
from promotion.models import RuleSet, RuleSetVersion


@dataclass(frozen=True, slots=True)
class Row:
    """A version in the list of them, and what differs in it from the one before."""

    version: RuleSetVersion
    differences: Sequence[Difference]


def described(version: RuleSetVersion) -> list[tuple[str, str]]:
    """Return name and sentence of each rule, in their order."""
    return [(visible(rule.name), describe(rule)) for rule in rules_from_json(version.rules)]


def versions_of(kept: RuleSet, shown: Sequence[RuleSetVersion]) -> list[Row]:
    """Return the versions `shown` with what differs in each; the first one differs in nothing."""
    before = kept.versions.filter(number__in=[each.number - 1 for each in shown])
    rules = {each.number: rules_from_json(each.rules) for each in (*shown, *before)}
    return [
        Row(each, compare(rules[each.number - 1], rules[each.number]) if each.number - 1 in rules else ())
        for each in shown
    ]


def changed_since(newest: RuleSetVersion, typed: RuleFile) -> list[Difference]:
    """Return what would become of the rules of `newest`, were those that somebody typed saved over them."""
    return compare(rules_from_json(newest.rules), typed.rules)


def text_of(version: RuleSetVersion) -> str:
    """Return the rules as the editor shows them: keys in the order in which people read them."""
    return dump_json(to_json(rules_from_json(version.rules)))


def file_name(version: RuleSetVersion) -> str:
    """Return a name for the downloaded file that is one on every system, and in every header."""
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", version.rule_set.name).strip("-.") or "rules"
    return f"{plain[:60]}-v{version.number}.json"
