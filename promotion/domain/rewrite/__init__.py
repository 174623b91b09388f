"""Rewrite rules: what a promotion changes in thousands of events at once.

Read a file with `read_rules`, write one with `write_rules`, show a rule with `describe`, and apply rules with one
`Rewriter` for all events of a job. docs/decisions/0014-rewrite-rules.md says why it is as it is.
"""

from promotion.domain.rewrite.describe import describe
from promotion.domain.rewrite.engine import Outcome, Rewriter
from promotion.domain.rewrite.path import InvalidPath, Path, parse_path
from promotion.domain.rewrite.reader import InvalidRules
from promotion.domain.rewrite.rule import OnInvalid, Rule, check_keepable, rules_from_json, to_json
from promotion.domain.rewrite.rule_file import Format, Origin, RuleFile, read_rules, write_rules
from promotion.domain.rewrite.versions import Difference, compare
from promotion.domain.rewrite.work import Change, Facts, Seeds, Targets

__all__ = [
    "Change",
    "Difference",
    "Facts",
    "Format",
    "InvalidPath",
    "InvalidRules",
    "OnInvalid",
    "Origin",
    "Outcome",
    "Path",
    "Rewriter",
    "Rule",
    "RuleFile",
    "Seeds",
    "Targets",
    "check_keepable",
    "compare",
    "describe",
    "parse_path",
    "read_rules",
    "rules_from_json",
    "to_json",
    "write_rules",
]
