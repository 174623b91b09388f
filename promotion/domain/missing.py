"""The things that outgoing events refer to and that the target would not have: said before anybody misses them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from promotion.domain.fold import Fold
from promotion.domain.identity import Identity

MOST_NAMED = 5
MOST_KEPT = 100_000


@dataclass
class References:
    """Who refers to what. Bounded: beyond 100,000 different things no more are kept."""

    _found: dict[bytes, tuple[Identity, str, int]] = field(default_factory=dict)

    def add(self, referred: Iterable[Identity], by: Callable[[], str]) -> None:
        """Note that an outgoing event refers to these things; `by` says what it is called, where that is wanted."""
        for identity in referred:
            known = self._found.get(identity.digest)
            if known is not None:
                self._found[identity.digest] = (*known[:2], known[2] + 1)
            elif len(self._found) < MOST_KEPT:
                self._found[identity.digest] = (identity, by(), 1)

    def missing(self, fold: Fold) -> list[tuple[Identity, str, int]]:
        """Return what is not in `fold`: the thing, one that refers to it, how many events do; the most wanted first."""
        absent = [each for digest, each in self._found.items() if not fold.exists(digest)]
        return sorted(absent, key=lambda each: (-each[2], each[0].label))


def sentence(missing: list[tuple[Identity, str, int]], target: str) -> str:
    """Return what to tell people of it, empty where nothing is missing."""
    if not missing:
        return ""
    named = [f"{identity.label} ({count:,}, such as {by})" for identity, by, count in missing[:MOST_NAMED]]
    more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
    return (
        f"Outgoing events refer to {len(missing):,} {'thing' if len(missing) == 1 else 'things'} that {target} would "
        f"not have: {'; '.join(named)}{more}. "
        "Take the events along that create them, if that is not meant."
    )
