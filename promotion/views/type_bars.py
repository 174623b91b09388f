"""What became of the records of each event type, as bars: the numbers are the table's, the lengths are drawn here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from promotion.models import Promotion
from promotion.states import Disposition

#: The largest types have a bar; the table behind has all.
MOST_BARS = 20
#: The width of the longest bar, and the least one that is seen, in units of the drawing.
WIDTH, LEAST = 1_000, 4
#: What was left out is told apart by a pattern of components/bar_patterns.html.
_PATTERNS: dict[str, str] = {
    Disposition.NOT_PROMOTABLE: "left",
    Disposition.UNDECIDED: "undecided",
    Disposition.DERIVED: "derived",
    Disposition.FILTERED: "filtered",
    Disposition.TOMBSTONES: "tombstones",
    Disposition.QUARANTINED: "wrong",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, from `x` on; `kind` is a Disposition, `label` its word."""

    kind: str
    label: str
    count: int
    x: int
    width: int

    @property
    def pattern(self) -> str:
        """The name of its pattern; empty for what was kept, which is plain."""
        return _PATTERNS.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Bar:
    """One type. `url` leads to its events where some were kept, `left_url` to what was decided about the type."""

    name: str
    short: str
    kept: int
    left: int
    segments: tuple[Segment, ...]
    url: str
    left_url: str

    @property
    def says(self) -> str:
        """The bar in words, for who does not see it."""
        return ", ".join(f"{each.count:,} {each.label.lower()}" for each in self.segments)


def bars(promotion: Promotion, rows: Sequence[Mapping[str, Any]], columns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the bars of the largest types, what of `columns` (kind, word) they show, and how many types have none.

    `rows` are those of the table: `name`, `short`, `url`, `cells` in the order of the columns, `sum`.
    """
    shown = sorted(rows, key=lambda row: (-row["sum"], row["name"]))[:MOST_BARS]
    longest = max((row["sum"] for row in shown), default=0)
    drawn = [_bar(promotion, row, columns, longest) for row in shown]
    there = {each.kind for bar in drawn for each in bar.segments}
    return {
        "bars": drawn,
        "legend": [(_PATTERNS.get(kind, ""), label) for kind, label in columns if kind in there],
        "more": len(rows) - len(drawn),
        "width": WIDTH,
    }


def type_url(name: str) -> str:
    """Return the page of the event type `name`; empty for none, and for a name that no type can have."""
    try:
        return reverse("promotion:event_type", args=[name]) if name else ""
    except NoReverseMatch:
        return ""


def _bar(promotion: Promotion, row: Mapping[str, Any], columns: Sequence[tuple[str, str]], longest: int) -> Bar:
    segments = tuple(_segments(row["cells"], columns, longest))
    kept = sum(each.count for each in segments if each.kind == Disposition.KEPT)
    events = reverse("promotion:events", args=[promotion.pk])
    return Bar(
        name=row["name"],
        short=row["short"],
        kept=kept,
        left=row["sum"] - kept,
        segments=segments,
        url=f"{events}?{urlencode({'type': row['name']})}" if kept and row["name"] else "",
        left_url=row["url"],
    )


def _segments(cells: Sequence[int], columns: Sequence[tuple[str, str]], longest: int) -> Iterator[Segment]:
    """Whatever is there is seen, however little it is beside the rest; what is behind it gives way."""
    x = 0
    for (kind, label), count in zip(columns, cells, strict=True):
        if count:
            width = max(LEAST, count * WIDTH // longest)
            yield Segment(str(kind), label, count, x, width)
            x += width
