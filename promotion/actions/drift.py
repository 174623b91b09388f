"""What stands on a source and not on its target: counted beyond the last verified promotion, a slice at a time.

A slice reads so many records or so long, and is written with the position behind it by compare-and-set: the next one
goes on there, whichever process takes it. docs/decisions/0023-survey-and-drift.md.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils import timezone

from promotion.actions.connect import kafka_connection
from promotion.actions.drift_count import Counting, promotable
from promotion.actions.export_decisions import Decided
from promotion.actions.pipeline import Beyond, beyond, pairs
from promotion.actions.schema_source import open_schemas
from promotion.domain.connection import KafkaConnection
from promotion.domain.filters import ExportFilter
from promotion.errors import PromotionError
from promotion.kafka.cluster import cluster_id
from promotion.kafka.reader import PinnedPartition, Reader, open_reader
from promotion.models import Drift, Environment

logger = logging.getLogger(__name__)
TIMEOUT = 5.0
#: A slice ends after so many records or seconds; a round of slices after so many seconds.
SLICE_RECORDS = 100_000
SLICE_SECONDS = 4.0
ROUND_SECONDS = 20.0


@dataclass(frozen=True)
class Standing:
    """Where a count stands before a slice: offsets by partition, and what was counted up to them by type."""

    beyond: Beyond
    cluster_id: str
    catalogue: str
    positions: dict[int, int]
    counts: Counter[str]
    ends: dict[int, int]


def drift_all() -> None:
    """Look at each pair in turn, and go on with those that are not whole while the round's time lasts.

    What fails of one pair is written down there and stops no other; a source that did not answer is not asked again.
    """
    deadline = time.monotonic() + ROUND_SECONDS
    decided = promotable()
    open_pairs, failed = pairs(), set[int]()
    while open_pairs:
        behind = []
        for source, target in open_pairs:
            if source.pk not in failed:
                outcome = _guarded(source, target, decided)
                failed |= {source.pk} if outcome is None else set()
                behind += [(source, target)] if outcome else []
        open_pairs = behind if time.monotonic() < deadline else []


def _guarded(source: Environment, target: Environment, decided: Mapping[str, Decided]) -> bool | None:
    try:
        return look(source, target, decided)
    except Exception as error:  # a database that restarts, a row that is gone: the next round tries again
        logger.warning("drift %s -> %s: %s", source.name, target.name, type(error).__name__)
        return None


def look(source: Environment, target: Environment, decided: Mapping[str, Decided] | None = None) -> bool | None:
    """Count one slice of what an export from `source` to `target` would keep beyond what was promoted.

    Return whether there is more to count, None where the source could not be read: the row says why then. `decided`
    are the types that may travel, asked for where it is not given.
    """
    decided = promotable() if decided is None else decided
    row, _ = Drift.objects.get_or_create(source=source, target=target)
    try:
        values = _slice(row, source, target, dict(decided))
    except PromotionError as error:
        Drift.objects.filter(pk=row.pk, counted_at=row.counted_at).update(error=str(error))
        return None
    # Of two processes that counted the same slice, the second finds another time there and writes nothing.
    Drift.objects.filter(pk=row.pk, counted_at=row.counted_at).update(counted_at=timezone.now(), error="", **values)
    return any(end > values["positions"].get(partition, 0) for partition, end in values["ends"].items())


def _slice(row: Drift, source: Environment, target: Environment, decided: dict[str, Decided]) -> dict[str, Any]:
    kafka = kafka_connection(source)
    with open_reader(kafka, source.topic, timeout=TIMEOUT) as reader, open_schemas(source, TIMEOUT) as schemas:
        stands = _standing(row, source, target, _digest(decided), reader, kafka)
        counting = Counting(schemas, decided, ExportFilter(since=stands.beyond.since))
        _read(reader, counting, stands)
    return {
        "base": stands.beyond.base,
        "catalogue": stands.catalogue,
        "topic": reader.topic,
        "cluster_id": stands.cluster_id,
        "positions": {str(p): offset for p, offset in stands.positions.items()},
        "ends": {str(p): offset for p, offset in stands.ends.items()},
        "counts": dict(stands.counts),
    }


def _read(reader: Reader, counting: Counting, stands: Standing) -> None:
    deadline, records = time.monotonic() + SLICE_SECONDS, 0
    for batch in reader.read(stands.positions, stands.ends):
        stands.counts.update(counting.count(batch.raw))
        stands.positions.update(batch.positions)
        records += len(batch.raw)
        if records >= SLICE_RECORDS or time.monotonic() > deadline:
            return


def _standing(
    row: Drift, source: Environment, target: Environment, catalogue: str, reader: Reader, kafka: KafkaConnection
) -> Standing:
    """Where to go on, or to begin anew: after another verified promotion, of another topic, with other types."""
    live = cluster_id(kafka, TIMEOUT)
    pins = {each.partition: each for each in reader.pin()}
    ends = {p: pin.end for p, pin in pins.items()}
    behind = beyond(source, target, live)
    known = (row.base_id, row.catalogue, row.topic, row.cluster_id)
    positions = {int(p): offset for p, offset in row.positions.items()}
    if known == (_id(behind), catalogue, reader.topic, live) and _reaches(positions, pins):
        positions = {p: positions.get(p, pin.low) for p, pin in pins.items()}
        return Standing(behind, live, catalogue, _there(positions, pins), Counter(row.counts), ends)
    return Standing(behind, live, catalogue, _there(_starts(behind, reader), pins), Counter(), ends)


def _starts(behind: Beyond, reader: Reader) -> dict[int, int]:
    if behind.since is not None:
        return reader.start_offsets_for(behind.since)
    return dict(behind.starts)


def _reaches(positions: Mapping[int, int], pins: Mapping[int, PinnedPartition]) -> bool:
    """Whether the topic still is the one that was counted: it never gets shorter, nor loses a partition."""
    return all(p in pins and offset <= pins[p].high for p, offset in positions.items())


def _there(positions: Mapping[int, int], pins: Mapping[int, PinnedPartition]) -> dict[int, int]:
    """Return `positions` where records are: what retention has taken is nobody's to promote any more."""
    if not _reaches(positions, pins):
        positions = {}  # a topic of the same name was made anew: what was promoted came from the old one
    return {p: min(max(positions.get(p, 0), pin.low), pin.end) for p, pin in pins.items()}


def _id(behind: Beyond) -> int | None:
    return behind.base.pk if behind.base else None


def _digest(decided: Mapping[str, Decided]) -> str:
    return sha256(",".join(str(each) for each in sorted(entry.id for entry in decided.values())).encode()).hexdigest()
