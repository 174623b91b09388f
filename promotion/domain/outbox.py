"""Groups of records that belong together: what Light Portal's outbox marks by three headers.

A consumer there refuses a group with a missing ordinal, so a group travels whole, and within one transaction.
Source: docs of the event store's publisher; the headers are `transaction_id`, `transaction_ordinal`,
`transaction_count`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from promotion.domain.record import Headers

ID, ORDINAL, COUNT = "transaction_id", "transaction_ordinal", "transaction_count"
MAX_NAMED = 20
_NUMBER = re.compile(rb"[0-9]{1,9}")


@dataclass
class _Group:
    count: int
    first: str
    ordinals: set[int] = field(default_factory=set)


@dataclass
class Groups:
    """The groups among outgoing records. `unfinished` is how many have begun and are not complete so far."""

    unfinished: int = 0
    _groups: dict[bytes, _Group] = field(default_factory=dict)

    def add(self, headers: Headers, position: str) -> None:
        """Take the next outgoing record; `position` is where it stood in the source. Others than the outbox's pass."""
        if ID not in [name for name, _ in headers]:
            return
        found = dict(headers)
        name, ordinal, count = found.get(ID), _number(found.get(ORDINAL)), _number(found.get(COUNT))
        if not name or ordinal is None or not count:
            return
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(count, position)
            self.unfinished += 1
        before = len(group.ordinals)
        group.ordinals.add(ordinal)
        if before < group.count <= len(group.ordinals):
            self.unfinished -= 1

    def problems(self) -> list[str]:
        """Return one sentence for the groups that would arrive incomplete, empty where none would."""
        short = [each for each in self._groups.values() if len(each.ordinals) < each.count]
        if not short:
            return []
        named = ", ".join(f"{len(g.ordinals)} of {g.count} from source {g.first}" for g in short[:MAX_NAMED])
        return [
            f"{len(short):,} groups of outbox records would arrive incomplete ({named}): their consumers refuse a "
            "group with a missing record. Include all records of such a group, or exclude all of them."
        ]


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and _NUMBER.fullmatch(value) else None
