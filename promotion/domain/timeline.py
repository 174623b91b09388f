"""Bars of time over a topic: how wide they are, and how many offsets lie in each. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
#: What people count in; beyond the last one it is doubled.
WIDTHS = (
    SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, WEEK,
    2 * WEEK, 4 * WEEK, 12 * WEEK, 52 * WEEK,
)  # fmt: skip
MOST_BARS = 60
#: The epoch was a Thursday: weeks begin on the Monday before it.
_MONDAY = -3 * DAY


@dataclass(frozen=True, slots=True)
class Bar:
    """The offsets whose time is `start` or later and before `end`, as far as times grow with offsets."""

    start: int
    end: int
    count: int


def boundaries(first: int, last: int, most: int = MOST_BARS) -> list[int]:
    """Return where bars begin that hold every time from `first` to `last`, and where the last one ends.

    At most `most` bars of one width, on round times in UTC.
    """
    width = next((each for each in WIDTHS if _bars(first, last, each) <= most), WIDTHS[-1])
    while _bars(first, last, width) > most:
        width *= 2
    begin = _floor(first, width)
    return [begin + n * width for n in range(_bars(first, last, width) + 1)]


def bars(boundaries: Sequence[tuple[int, Mapping[str, int]]]) -> list[Bar]:
    """Return the bars between `boundaries`: times in order, each with the first offset at or after it by partition.

    What an older boundary does not name counts as beginning where the next one names it.
    """
    return [Bar(start, end, _between(before, after)) for (start, before), (end, after) in pairwise(boundaries)]


def _between(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    return sum(max(0, offset - before.get(partition, offset)) for partition, offset in after.items())


def _bars(first: int, last: int, width: int) -> int:
    return (_floor(max(last, first), width) - _floor(first, width)) // width + 1


def _floor(moment: int, width: int) -> int:
    origin = _MONDAY if width >= WEEK else 0
    return (moment - origin) // width * width + origin
