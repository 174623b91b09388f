"""Rules as the command line takes them: from a file or a pipe, or in the short form of a release evening."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from promotion.domain.rewrite import RuleFile, read_rules, rules_from_json, to_json
from promotion.domain.rewrite.rule_file import MAX_BYTES
from promotion.errors import InvalidInput

#: Where an id stands. EventId.id is the acting user in the older generations of EventId.
PATHS = {"host": ("**.hostId",), "user": ("**.userId", "EventId.id")}


def rules_in(name: str) -> RuleFile:
    """Return the rules of the file `name`, - for standard input. Raises InvalidInput with every problem."""
    if name == "-":
        return read_rules(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
    path = Path(name)
    try:
        with path.open("rb") as file:
            return read_rules(file.read(MAX_BYTES + 1), path.name)
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}.", "Check the path.") from error


def short_rule(what: str, text: str) -> dict[str, Any]:
    """Return the rule (JSON) that `--host FROM=TO` or `--user FROM=TO` stands for. Raises InvalidInput."""
    old, _, new = text.partition("=")
    if not old or not new:
        raise InvalidInput(f"--{what} {text}: FROM=TO is expected.", f"Such as --{what} dev-{what}=sit-{what}.")
    then = [{"do": "replace", "path": path, "from": old, "to": new} for path in PATHS[what]]
    [rule] = to_json(rules_from_json([{"name": f"{what.capitalize()} {old} becomes {new}"[:200], "then": then}]))
    return rule
