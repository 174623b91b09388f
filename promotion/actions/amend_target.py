"""Read what the target holds of chosen things now: each field with the bytes of the last record that set it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.actions.connect import kafka_connection
from promotion.actions.headway import Headway
from promotion.actions.lease import Lease
from promotion.actions.plan_types import TypeTable
from promotion.actions.schema_source import Schemas
from promotion.actions.target_scan import Seen, TargetScan, Wanted
from promotion.domain.amend import Piece, pieces, plain
from promotion.domain.event_id import host_of, user_of
from promotion.domain.fold import Fold, note_author
from promotion.domain.identity import Identity
from promotion.domain.order import MergeKey
from promotion.kafka.reader import open_reader
from promotion.models import Environment


@dataclass(frozen=True, slots=True)
class Last:
    """Of a thing's newest record that no stream processor derived: its place, type, user and host."""

    place: MergeKey
    type_name: str
    user: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """One thing on the target. `at` is where its newest record lies, empty where only derived ones are there."""

    exists: bool
    deleted: bool
    fields: Mapping[str, Piece]
    at: str
    last: Last | None

    def values(self) -> dict[str, Any]:
        """Return its fields as plain values, to look at."""
        return {name: plain(piece) for name, piece in self.fields.items()}


@dataclass
class Things:
    """The chosen things, folded from all records of the target."""

    _fold: Fold = field(default_factory=lambda: Fold(None))
    _last: dict[bytes, Last] = field(default_factory=dict)

    def take(self, seen: Seen, identity: bytes) -> None:
        """Take one record about one of them, in any order."""
        found = self._fold.add(identity, seen.type.action, pieces(seen.schema, seen.body), seen.place)
        note_author(found, seen.place, seen.at, promoted=seen.promoted, derived=seen.derived)
        known = self._last.get(identity)
        if not seen.derived and (known is None or seen.place > known.place):
            self._last[identity] = Last(seen.place, seen.type.full_name, user_of(seen.tree), host_of(seen.tree))

    def of(self, identity: Identity) -> Found | None:
        """Return what is known of it, None where no record about it was read."""
        there = self._fold.get(identity.digest)
        if there is None:
            return None
        last = self._last.get(identity.digest)
        return Found(there.exists, there.deleted is not None, there.now(), there.newest_at, last)


def read_things(
    lease: Lease, target: Environment, registry: Schemas, types: TypeTable, wanted: Iterable[Identity]
) -> Things:
    """Read the target's committed records to their pinned ends, once. Raises Unreachable and the like, Cancelled."""
    things, chosen = Things(), list(wanted)
    about = Wanted(
        frozenset(each.aggregate for each in chosen), {each.digest for each in chosen}, origins=set(), users=set()
    )
    with open_reader(kafka_connection(target), target.topic) as reader:
        pins = reader.pin()
        lows, ends = {p.partition: p.low for p in pins}, {p.partition: p.end for p in pins}
        headway = Headway(lease, lows, ends)
        headway.begin(f"Reading {target.name}")
        scan = TargetScan(registry, types, about, lease.check, _ignore, things.take, _ignore)
        scan.run(reader, lows, ends, headway.take)
    return things


def _ignore(*_: Any) -> None:
    """Neither copies nor users are asked for."""
