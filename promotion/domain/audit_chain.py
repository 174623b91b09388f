"""The chain over the audit trail, computed anew: what a seal has to be, and the first that is something else.

The database makes the seals (migration 0010), and nothing here asks it for a digest. docs/audit.md promises the text
that is hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise

#: What the first seal has in place of the digest before it.
NOTHING_BEFORE = "0" * 64


class Fault(StrEnum):
    """What may be wrong with a chain."""

    CHANGED = "changed"
    MISSING = "missing"
    GAP = "gap"
    SLIPPED_IN = "slipped in"
    BROKEN = "broken"
    NOT_SEALED = "not sealed"
    CUT_OFF = "cut off"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Link:
    """A seal as it is kept, and the entry that it is about as texts, None where that is gone.

    The texts are in the order of `docs/audit.md`, without the two that come before the entry; None is SQL's NULL.
    """

    number: int
    digest: str
    entry: int
    texts: Sequence[str | None] | None


@dataclass(frozen=True, slots=True)
class Break:
    """The first thing that is wrong: the seal's number and the entry's id, None where there is no such thing."""

    fault: Fault
    number: int | None
    entry: int | None


@dataclass(frozen=True, slots=True)
class Head:
    """A chain up to some seal, as an earlier look at it said. `number` is None where only the digest was kept."""

    number: int | None
    digest: str


def digest_of(number: int, previous: str, texts: Sequence[str | None]) -> str:
    """Return what the seal `number` has to be, behind one with the digest `previous`, in hexadecimal."""
    return sha256(b"".join(_field(each) for each in (str(number), previous, *texts))).hexdigest()


def _field(text: str | None) -> bytes:
    """Return `text` so that no other sequence of texts makes the same bytes: with its length in front."""
    if text is None:
        return b"-,"
    octets = text.encode("utf-8", "surrogatepass")
    return b"%d:%b," % (len(octets), octets)


class Walk:
    """Follows a chain from its first seal on. `number` and `digest` are those of the last seal that fits."""

    def __init__(self, expected: Head | None = None) -> None:
        self.number = 0
        self.digest = NOTHING_BEFORE
        self._expected = expected
        self._met = expected is None

    def first_break(self, links: Iterable[Link]) -> Break | None:
        """Return what is wrong first, None where all `links` fit. They come in the order of their numbers, once."""
        for link, following in _with_next(links):
            fault = self._fault(link, following)
            if fault is Fault.GAP and link.number > self.number:
                return Break(fault, self.number + 1, None)
            if fault is not None:
                return Break(fault, link.number, link.entry)
            self.number, self.digest = link.number, link.digest
            if self._is_rewritten():
                return Break(Fault.REWRITTEN, link.number, link.entry)
        return None if self._met else Break(Fault.CUT_OFF, self.number or None, None)

    def _is_rewritten(self) -> bool:
        """Whether this is the seal that was asked for, and another one. Notes whether it was met."""
        wanted = self._expected
        if wanted is None or (wanted.number or self.number) != self.number:
            return False
        if wanted.digest == self.digest:
            self._met = True
            return False
        return wanted.number is not None

    def _fault(self, link: Link, following: Link | None) -> Fault | None:
        if link.number != self.number + 1:
            return Fault.GAP
        if link.texts is None:
            return Fault.MISSING
        if digest_of(link.number, self.digest, link.texts) == link.digest:
            return None
        return self._why(link, following)

    def _why(self, link: Link, following: Link | None) -> Fault:
        """Say what happened to a link that does not fit, by what the one behind it was made of."""
        if following is None or following.texts is None:
            return Fault.CHANGED
        if digest_of(following.number, link.digest, following.texts) == following.digest:
            return Fault.CHANGED  # its seal is what it always was
        if digest_of(link.number, self.digest, following.texts) == following.digest:
            return Fault.SLIPPED_IN  # the next one was made to follow the one before
        return Fault.BROKEN  # the seal was changed, or both entries were


def _with_next(links: Iterable[Link]) -> Iterator[tuple[Link, Link | None]]:
    """Yield each link with the one behind it, None behind the last."""
    for link, following in pairwise(_then_none(links)):
        if link is not None:
            yield link, following


def _then_none(links: Iterable[Link]) -> Iterator[Link | None]:
    yield from links
    yield None
