"""Look for the first events that fit a filter, among any number, within seconds.

Which way is quick depends on what is looked for, and PostgreSQL's guess of how often a text occurs is too rough to
choose by: what is frequent is found at once where one walks along the order of replay, what is rare in the search index
(docs/decisions/0024-search.md). So one way is tried after the other, each for a limited time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

from django.db.models import F, QuerySet

from promotion.actions import search_index
from promotion.models import Event, Promotion
from promotion.models.event import EventFilter, EventQuerySet
from promotion.models.patience import TooSlow, within
from promotion.views.paging import Found, Look, between

#: Seconds after which another way is tried, and after which a page shows what was found so far.
AT_ONCE, MOST = 0.05, 1.7
#: Of these seconds the last part belongs to walking on, so that a look always comes further.
FOR_WALKING = 0.5
#: Events of the first stretch that is walked, some 30 ms; each further one has twice as many.
STRETCH = 4_000
#: A shorter text has no three characters in a row, which is what the search index is made of.
SHORTEST = 3
Place = Sequence[int]
Shown = Callable[[EventQuerySet], EventQuerySet]


def look_for(promotion: Promotion, wanted: EventFilter, shown: Shown, seconds: float | None = None) -> Look[Event]:
    """Return what finds the events of `promotion` that fit `wanted`, for views.paging; `shown` what is read of them.

    It takes about `seconds` at most, MOST where none are given.
    """
    patience = MOST if seconds is None else seconds
    indexed = search_index.is_ready(promotion.pk) if wanted.by_text else False

    def look(rows: QuerySet[Event], order: Sequence[str], cursor: Place | None, most: int) -> Found[Event]:
        walk = _Walk(promotion, shown(promotion.events.matching(wanted, walking=True)), order, most)
        return _Look(wanted, rows, walk, time.monotonic() + patience, indexed).run(cursor)

    return look


class _Walk:
    """Walks along the order, one stretch after the other, and collects what fits until it has `most`."""

    def __init__(self, promotion: Promotion, fitting: EventQuerySet, order: Sequence[str], most: int) -> None:
        self._promotion, self._fitting, self.order, self.most = promotion, fitting, order, most
        self._stretch = STRETCH
        self.found: list[Event] = []
        self.until: Place | None = None
        self.over = False

    def step(self, cursor: Place | None, seconds: float | None) -> bool:
        """Look at one stretch beyond `cursor`. Return whether there was time for all of it; None is no limit."""
        try:
            with within(seconds) if seconds is not None else nullcontext():
                end = self._end(cursor)
                rows = between(self._fitting, self.order, cursor, end).order_by(*self.order)
                self.found += rows[: self.most - len(self.found)]
        except TooSlow:
            return False
        self.over = end is None or len(self.found) >= self.most
        self.until, self._stretch = end, self._stretch * 2
        return True

    def _end(self, cursor: Place | None) -> Place | None:
        """The place of the last event of the stretch, None where the promotion ends within it."""
        names, last = [field.lstrip("-") for field in self.order], self._stretch - 1
        places: QuerySet[Any, Any] = between(self._promotion.events.order_by(*self.order), self.order, cursor)
        return next(iter(places.values_list(*names)[last : last + 1]), None)


class _Look:
    """One look: along an index, else the first stretch, else the search index, else as far as the time goes."""

    def __init__(self, wanted: EventFilter, rows: QuerySet[Event], walk: _Walk, deadline: float, indexed: bool) -> None:
        self._wanted, self._rows, self._walk, self._deadline = wanted, rows, walk, deadline
        alone = wanted == replace(EventFilter(), text=wanted.text, path=wanted.path, value=wanted.value)
        self._searches = not alone or (indexed and (bool(wanted.path) or len(wanted.text) >= SHORTEST))

    def run(self, cursor: Place | None) -> Found[Event]:
        """Return the first rows beyond `cursor`."""
        rows, walk = between(self._rows, self._walk.order, cursor), self._walk
        if not self._wanted.by_text:
            with suppress(TooSlow), within(AT_ONCE):
                return Found(list(rows.order_by(*walk.order)[: walk.most]))
        walk.step(cursor, None)
        if not walk.over and self._searches:
            with suppress(TooSlow), within(self._left(FOR_WALKING)):
                return Found(list(rows.order_by(*self._apart())[: walk.most]))
        while not walk.over and self._left(0) > AT_ONCE and walk.step(walk.until, self._left(0)):
            pass
        return Found(walk.found, None if walk.over else walk.until)

    def _apart(self) -> Iterator[Any]:
        """The same order, as an expression that no index has: first find all that fit, then sort them."""
        for field in self._walk.order:
            moved = F(field.lstrip("-")) + 0
            yield moved.desc() if field.startswith("-") else moved.asc()

    def _left(self, reserved: float) -> float:
        return max(AT_ONCE, self._deadline - time.monotonic() - reserved)
