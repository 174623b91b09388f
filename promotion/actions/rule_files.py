"""Files of rules, from a person's disk or from a pipe: bounded, read once, and named by where they came from."""

from __future__ import annotations

from collections.abc import Callable

from promotion.domain.rewrite import RuleFile, read_rules
from promotion.domain.rewrite.rule_file import MAX_BYTES
from promotion.errors import InvalidInput

_BOM = b"\xef\xbb\xbf"


def read_file(read: Callable[[int], bytes], name: str) -> RuleFile:
    """Return the rules of a file, ours or an older importer's; `read` is asked for so many bytes.

    `name` names the rules of an older file, which have no names of their own. Raises InvalidInput with every problem.
    """
    content = read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"The file is larger than {MAX_BYTES:,} bytes.", "Split it into several sets of rules.")
    return read_rules(content.removeprefix(_BOM), name)
