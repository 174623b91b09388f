"""The things that outgoing events refer to and that the target would not have: said before anybody misses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest

from promotion.domain.fold import Fold
from promotion.domain.identity import Identity
from promotion.domain.shelf import Shelf

MOST_NAMED = 5
MOST_KEPT = 100_000
_BYTES = 200


@dataclass(slots=True)
class _Found:
    """A thing, what one event is called that refers to it, how many do."""

    identity: Identity
    by: str
    events: int

    def packed(self) -> tuple[str, tuple[str, ...], str, int]:
        return self.identity.aggregate, self.identity.values, self.by, self.events


def _unpacked(values: tuple[str, tuple[str, ...], str, int]) -> _Found:
    aggregate, names, by, events = values
    return _Found(Identity(aggregate, names), by, events)


class References:
    """Who refers to what. Bounded: beyond 100,000 different things no more are kept."""

    def __init__(self) -> None:
        self._found = Shelf(_Found.packed, _unpacked)
        self._kept = 0

    def add(self, referred: Iterable[Identity], by: Callable[[], str]) -> None:
        """Note that an outgoing event refers to these things; `by` says what it is called, where that is wanted."""
        for identity in referred:
            known = self._found.get(identity.digest)
            if known is not None:
                self._found.changed(identity.digest)
                known.events += 1
            elif self._kept < MOST_KEPT:
                self._kept += 1
                self._found.put(identity.digest, _Found(identity, by(), 1), _BYTES)

    def missing(self, fold: Fold) -> tuple[list[tuple[Identity, str, int]], int]:
        """Return what is not in `fold`, the most wanted first: a few, and how many there are.

        Each is the thing, one that refers to it, how many events do.
        """
        absent = 0

        def each_absent() -> Iterator[_Found]:
            nonlocal absent
            for each in self._found.values():
                if not fold.exists(each.identity.digest):
                    absent += 1
                    yield each

        first = nsmallest(MOST_NAMED, each_absent(), key=lambda each: (-each.events, each.identity.label))
        return [(each.identity, each.by, each.events) for each in first], absent


def sentence(missing: list[tuple[Identity, str, int]], number: int, target: str) -> str:
    """Return what to tell people of the `number` things of which `missing` are some; empty where nothing is missing."""
    if not missing:
        return ""
    named = [f"{identity.label} ({count:,}, such as {by})" for identity, by, count in missing]
    more = f" and {number - len(missing):,} more" if number > len(missing) else ""
    return (
        f"Outgoing events refer to {number:,} {'thing' if number == 1 else 'things'} that {target} would "
        f"not have: {'; '.join(named)}{more}. "
        "Take the events along that create them, if that is not meant."
    )
