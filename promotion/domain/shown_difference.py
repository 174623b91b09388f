"""Differences as a page shows them: what changed inside a long text, nested values as a block, paths as their steps.

Pure functions of differences: whoever has to hide a value changes the difference before it comes here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.domain.diff import Difference, Kind
from promotion.domain.json_text import dump_json
from promotion.domain.octets import visible
from promotion.domain.word_diff import Kind as Part
from promotion.domain.word_diff import Piece, folded, without, words

STATUS = {Kind.ADDED: "new", Kind.REMOVED: "removed", Kind.CHANGED: "changed"}
#: Characters of a text that are compared, of a value in one line, and of a block.
MOST_TEXT, MOST_LINE, MOST_BLOCK = 100_000, 300, 20_000
#: Characters beside a change, and of a piece that changed.
CONTEXT, MOST_PIECE = 60, 1_000
#: Texts of one page that are compared word by word.
MOST_COMPARED = 25
_STEP = re.compile(r"\[(\d+|\*)\]|\[(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\]?|\.?([^.\[\]]+)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Side:
    """One of both values. `pieces` are those of its text; of a nested value `summary` says what `block` shows.

    `more` is how many characters the block leaves out.
    """

    pieces: Sequence[Piece] = ()
    summary: str = ""
    block: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class ShownDifference:
    """One difference. `status` is new, removed or changed; `steps` are those of `path`.

    `before` and `after` are both values in one line, bounded; `left` and `right` the same in full, None where there is
    none.
    """

    path: str
    steps: Sequence[str]
    status: str
    before: str
    after: str
    left: Side | None
    right: Side | None


def shown_differences(found: Iterable[Difference]) -> list[ShownDifference]:
    """Return the differences fit to look at. Only the first of them are compared word by word."""
    return [shown_difference(each, compare=number < MOST_COMPARED) for number, each in enumerate(found)]


def shown_difference(found: Difference, compare: bool = True) -> ShownDifference:
    """Return one difference fit to look at; with `compare` two texts are compared word by word."""
    path = visible(found.path.removeprefix("$").removeprefix("."))
    left, right = _sides(found, compare)
    return ShownDifference(
        path,
        steps(path),
        STATUS[found.kind],
        "" if left is None else one_line(found.before),
        "" if right is None else one_line(found.after),
        left,
        right,
    )


def between(path: str, before: Any, after: Any) -> Difference:
    """Return the difference of two values that a report holds, where None means that there is none."""
    kind = Kind.ADDED if before is None else Kind.REMOVED if after is None else Kind.CHANGED
    return Difference(path, kind, before, after)


def steps(path: str) -> list[str]:
    """Return the steps of a difference's path: `roles[2].name` is roles, [2], name."""
    found = []
    for index, quoted, name, other in _STEP.findall(path[:1_000]):
        found.append(f"[{index}]" if index else quoted[1:-1] if quoted else name or other)
    return [step for step in found if step not in (".", "]")]


def one_line(value: Any, most: int = MOST_LINE) -> str:
    """Return a value as JSON, at most so many characters of it."""
    text = dump_json(value)
    return text if len(text) <= most else f"{text[:most]}…"


def _sides(found: Difference, compare: bool) -> tuple[Side | None, Side | None]:
    if found.kind is Kind.ADDED:
        return None, _side(found.after, Part.ADDED)
    if found.kind is Kind.REMOVED:
        return _side(found.before, Part.REMOVED), None
    if compare and isinstance(found.before, str) and isinstance(found.after, str):
        return _compared(found.before, found.after)
    return _side(found.before, Part.REMOVED), _side(found.after, Part.ADDED)


def _side(value: Any, kind: Part) -> Side:
    if isinstance(value, (dict, list)) and value:
        text = dump_json(value)
        return Side(summary=_summary(value), block=text[:MOST_BLOCK], more=max(0, len(text) - MOST_BLOCK))
    return Side(folded([Piece(kind, dump_json(value))], CONTEXT, MOST_PIECE))


def _compared(before: str, after: str) -> tuple[Side, Side]:
    """Compare two texts as JSON has them, so that what cannot be seen stands escaped, and the quotes with them."""
    old, new = dump_json(before), dump_json(after)
    if max(len(old), len(new)) > MOST_TEXT:
        return _side(before, Part.REMOVED), _side(after, Part.ADDED)
    # Folded before it is told apart: where one side has nothing to mark, its words around the place still stand there.
    pieces = folded(words(old, new), CONTEXT, MOST_PIECE)
    left, right = (without(pieces, kind) for kind in (Part.ADDED, Part.REMOVED))
    return Side(left), Side(right)


def _summary(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value):,} item{'' if len(value) == 1 else 's'}"
    names = ", ".join(visible(json.dumps(key)[1:-1][:40]) for key in list(value)[:4])
    return f"{names}{', …' if len(value) > 4 else ''} ({len(value):,} field{'' if len(value) == 1 else 's'})"
