"""The target's state that a plan is judged against: read once to pinned ends, folded as it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from promotion.actions.connect import kafka_connection
from promotion.actions.headway import Headway
from promotion.actions.lease import Lease
from promotion.actions.plan_types import TypeTable
from promotion.actions.schema_source import Schemas
from promotion.actions.target_scan import NOTHING, Evidence, Seen, TargetScan, Wanted
from promotion.domain.event_id_body import Spans, patched, spans
from promotion.domain.fold import note_author
from promotion.domain.identity import DIGEST_BYTES
from promotion.domain.judge import Copy, TargetState
from promotion.domain.keys import Tenancy
from promotion.domain.schema import Schema
from promotion.kafka.reader import open_reader
from promotion.models import Environment

#: With fewer records to go by nobody can say how a topic is keyed.
ENOUGH_EVIDENCE = 20


@dataclass(frozen=True)
class TargetReading:
    """What was read: `lows` and `ends` by partition, how many records of which sort, and how they are keyed.

    `unknown_ids` are schema ids on the topic that nobody knows a schema for, in order.
    """

    state: TargetState
    lows: dict[int, int]
    ends: dict[int, int]
    counts: dict[str, int]
    evidence: Evidence
    unknown_ids: list[int]

    def tenancy_problem(self, target: Environment) -> str:
        """Return what speaks against the environment's tenancy, with the numbers; empty where nothing does."""
        by_host, by_user = self.evidence.by_host, self.evidence.by_user
        multi = target.tenancy == Tenancy.MULTI
        fits, other = (by_host, by_user) if multi else (by_user, by_host)
        if other < ENOUGH_EVIDENCE or fits * 10 > other:
            return ""
        now, better = ("host (multi)", "user (single)") if multi else ("user (single)", "host (multi)")
        return (
            f"{target.name} is set up with records keyed by {now}, but of those on its topic {other:,} are keyed by "
            f"{better} and {fits:,} by {now}. Correct the environment's tenancy, or choose another target."
        )


def read_target(
    lease: Lease,
    target: Environment,
    registry: Schemas,
    types: TypeTable,
    survey: Callable[[], Wanted],
    keep_timestamp: bool,
) -> TargetReading:
    """Read the target's committed records and fold what `survey` wants. Raises Unreachable and the like, Cancelled.

    Nobody is asked what is wanted of a target that holds nothing. `keep_timestamp` is as in `content_of`.
    """
    state = TargetState()
    with open_reader(kafka_connection(target), target.topic) as reader:
        pins = reader.pin()
        lows, ends = {p.partition: p.low for p in pins}, {p.partition: p.end for p in pins}
        wanted = survey() if ends != lows else NOTHING
        headway = Headway(lease, lows, ends)
        headway.begin(f"Reading {target.name}")
        scan = TargetScan(registry, types, wanted, lease.check, *_folding(state, keep_timestamp))
        scan.run(reader, lows, ends, headway.take)
    return TargetReading(state, lows, ends, dict(scan.counts), scan.evidence, sorted(scan.unknown_ids))


def content_of(schema: Schema, body: bytes, where: Spans, keep_timestamp: bool) -> bytes:
    """Return 16 bytes of what an event says, whatever nonce it has: each environment gives its own.

    `where` are the body's `spans`. Without `keep_timestamp` EventId's timestamp does not count either.
    """
    neutral = patched(body, where, 0, None if keep_timestamp else 0)
    return blake2b(schema.fingerprint.encode() + neutral, digest_size=DIGEST_BYTES).digest()


Folding = tuple[Callable[[Seen, bytes], None], Callable[[Seen, bytes], None], Callable[[Seen, str, Any], None]]


def _folding(state: TargetState, keep_timestamp: bool) -> Folding:
    def on_copy(seen: Seen, origin: bytes) -> None:
        known = state.copies.get(origin)
        if known is None or seen.place > known.place:
            where = spans(seen.schema, seen.body)
            content = content_of(seen.schema, seen.body, where, keep_timestamp)
            state.copies.put(origin, Copy(seen.place, content, seen.at))

    def on_aggregate(seen: Seen, identity: bytes) -> None:
        found = state.fold.add(identity, seen.type.action, seen.tree, seen.place)
        note_author(found, seen.place, seen.at, promoted=seen.promoted, derived=seen.derived)

    def on_user(_: Seen, user: str, nonce: int | None) -> None:
        if nonce is not None and nonce > state.nonces.get(user, 0):
            state.nonces[user] = nonce

    return on_copy, on_aggregate, on_user
