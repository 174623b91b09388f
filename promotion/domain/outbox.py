"""Groups of records that belong together: what Light Portal's outbox marks by three headers.

A consumer there refuses a group with a missing ordinal, so a group travels whole, and within one transaction.
Source: docs of the event store's publisher; the headers are `transaction_id`, `transaction_ordinal`,
`transaction_count`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest

from promotion.domain.identity import DIGEST_BYTES
from promotion.domain.record import Headers
from promotion.domain.shelf import MOST_BYTES, Shelf

ID, ORDINAL, COUNT = "transaction_id", "transaction_ordinal", "transaction_count"
MAX_NAMED = 20
_ORDINAL_BYTES = 5
_NUMBER = re.compile(rb"[0-9]{1,9}")


@dataclass(slots=True)
class _Group:
    number: int
    count: int
    first: str
    ordinals: set[int]

    def packed(self) -> tuple[int, int, str, list[int]]:
        return self.number, self.count, self.first, list(self.ordinals)


def _unpacked(values: tuple[int, int, str, list[int]]) -> _Group:
    number, count, first, ordinals = values
    return _Group(number, count, first, set(ordinals))


class Groups:
    """The groups among outgoing records. `unfinished` is how many have begun and are not complete so far.

    Of any number of groups the most lie in a file; `most` is as Shelf has it.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.unfinished = self._begun = 0
        self._groups = Shelf(_Group.packed, _unpacked, most)

    def add(self, headers: Headers, position: str) -> None:
        """Take the next outgoing record; `position` is where it stood in the source. Others than the outbox's pass."""
        if ID not in [name for name, _ in headers]:
            return
        found = dict(headers)
        name, ordinal, count = found.get(ID), _number(found.get(ORDINAL)), _number(found.get(COUNT))
        if not name or ordinal is None or not count:
            return
        digest = blake2b(name, digest_size=DIGEST_BYTES).digest()
        group = self._groups.get(digest)
        if group is None:
            group = _Group(self._begun, count, position, set())
            self._groups.put(digest, group, len(position))
            self._begun += 1
            self.unfinished += 1
        before = len(group.ordinals)
        if ordinal not in group.ordinals:
            self._groups.changed(digest, _ORDINAL_BYTES)
            group.ordinals.add(ordinal)
        if before < group.count <= len(group.ordinals):
            self.unfinished -= 1

    def problems(self) -> list[str]:
        """Return one sentence for the groups that would arrive incomplete, empty where none would."""
        if not self.unfinished:
            return []
        short = (each for each in self._groups.values() if len(each.ordinals) < each.count)
        first = nsmallest(MAX_NAMED, short, key=lambda group: group.number)
        named = ", ".join(f"{len(g.ordinals)} of {g.count} from source {g.first}" for g in first)
        return [
            f"{self.unfinished:,} groups of outbox records would arrive incomplete ({named}): their consumers refuse a "
            "group with a missing record. Include all records of such a group, or exclude all of them."
        ]


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None
