"""The parts of a verification: partitions of the target, each read and matched by whoever is free, then put together.

Every one of them expects all steps of the plan, since a record may claim to be a step of another partition.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from promotion.actions.lease import Positions
from promotion.actions.part_lease import PartLease
from promotion.actions.parts import TELL_SECONDS, Beat, Portion
from promotion.domain.shares import shares
from promotion.domain.verify import Matcher, Window
from promotion.domain.verify_merge import pack, unpack
from promotion.models import JobPart, PromotionJob

#: Whoever helps loads the whole plan first; so much has to be read at least for that to be worth it.
LEAST_OFFSETS = 50_000
MOST_PARTS = 8


def portions(window: Window) -> Iterator[Portion]:
    """Yield what to divide the reading of `window` into, the largest part first."""
    starts = {p: min(max(start, window.lows[p]), window.ends[p]) for p, start in window.starts.items()}
    for group in shares({p: window.ends[p] - starts[p] for p in starts}, LEAST_OFFSETS, MOST_PARTS):
        spans = {p: [starts[p], starts[p], window.ends[p]] for p in sorted(group)}
        what = [[p, window.starts[p], window.ends[p], window.lows[p]] for p in sorted(group)]
        yield Portion(what, 0, sum(end - start for start, _, end in spans.values()), spans)


def window_of(parts: Iterable[JobPart]) -> Window:
    """Return what was pinned for `parts`."""
    spans: list[list[int]] = sorted(span for part in parts for span in part.what)
    columns: Any = [{span[0]: span[column] for span in spans} for column in (1, 2, 3)]
    return Window(*columns)


def merged(job: PromotionJob, matcher: Matcher) -> Window:
    """Put what the parts of `job` have found into `matcher`, which has seen nothing; return where they were read."""
    parts = list(JobPart.objects.filter(job=job.pk).order_by("number"))
    window = window_of(parts)
    for part in parts:
        findings, lows = unpack(bytes(part.outcome or b""))
        matcher.add(findings)
        window.lows.update(lows)
    return window


def finish(part: PartLease, matcher: Matcher, window: Window) -> None:
    """End a part with what it has found. Raises LeaseLost."""
    part.finish(pack(matcher.findings, window.lows))


class Teller:
    """Says for a part what its reading says (`headway.Listener`), at most twice a second, and does `beat` with it."""

    def __init__(self, part: PartLease, beat: Beat) -> None:
        self._part, self._beat = part, beat
        self._told = 0.0

    def check(self) -> None:
        """Raise like `PartLease.check`."""
        self._part.check()

    def progress(
        self,
        done: int,
        total: int | None = None,
        phase: str | None = None,
        *,
        octets: int | None = None,
        positions: Positions | None = None,
    ) -> None:
        """Take note of it. Raises like `PartLease.check`, and what the beat raises."""
        self._part.check()
        if done >= self._part.part.total or time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            self._part.tell(done, octets or 0, positions or {})
        self._beat()
