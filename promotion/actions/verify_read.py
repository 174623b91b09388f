"""Read the target back and match it with the plan: what a verification counts, and nothing that it concludes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db.models import Max, Min

from promotion.actions.connect import kafka_connection
from promotion.actions.headway import Headway, Listener
from promotion.actions.lease import Lease
from promotion.actions.part_lease import PartLease
from promotion.actions.parts import Beat, Call, Do, Together, divide, nobody
from promotion.actions.replay_marker import writer_name
from promotion.actions.schema_source import Schemas, open_schemas
from promotion.actions.verify_parts import Teller, finish, merged, portions, window_of
from promotion.actions.verify_plan import expected, planned
from promotion.domain.connection import KafkaConnection
from promotion.domain.digest import NO_TIMESTAMP, record_digest
from promotion.domain.packed_headers import HeaderPacker
from promotion.domain.record import Header, Record
from promotion.domain.schema import parse
from promotion.domain.verify import Matcher, Shape, Window
from promotion.domain.wire import unframe
from promotion.errors import Incomplete, InvalidInput, NotFound
from promotion.kafka.cluster import cluster_id
from promotion.kafka.reader import PinnedPartition, RawRecord, Reader, open_reader, to_record
from promotion.kafka.writer import fence
from promotion.models import Receipt, Replay

#: How long the end of somebody else's open transaction is waited for, and how often it is looked at.
HELD_SECONDS = 60.0
LOOK_SECONDS = 0.5
UNKNOWN_SCHEMA = ""


def read_back(lease: Lease, replay: Replay, call: Call) -> tuple[Matcher, Window]:
    """Return what the target has of `replay`, and where it was read.

    A finished replay is looked for between the target's ends before and after it. Any other one is fenced first, since
    an open transaction could still commit, and looked for up to the end now. `call` is told that others can help.
    Raises Incomplete where that cannot be read, Unreachable and the like, Cancelled, LeaseLost.
    """
    lease.progress(0, phase="Connecting")
    with _opened(replay) as (kafka, reader, registry):
        if replay.finished_at is None:
            lease.progress(0, phase="Fencing the replay's producer")
            fence(kafka, writer_name(replay), on_wait=lease.check)
        divide(lease, lambda: portions(_window(lease, replay, reader)))
        call(lease.job)
        lease.progress(0, phase="Loading the plan")
        matcher, shapes = expected(lease, replay), _Shapes(replay, registry)
        together = Together(lease, "Reading the target", nobody)
        together.work(lambda part: _read_part(part, matcher, reader, shapes, together.tell))
    return matcher, merged(lease.job, matcher)


@contextmanager
def helping(first: PartLease, replay: Replay) -> Iterator[Do]:
    """Give what does parts of somebody else's reading; `first` is held meanwhile. Raises as `read_back` does."""
    with _opened(replay) as (_, reader, registry):
        matcher, shapes = expected(first, replay), _Shapes(replay, registry)
        # What was found of a part is not kept where it is left: it is done to its end, whoever waits.
        yield lambda part, _: _read_part(part, matcher, reader, shapes, part.check)


@contextmanager
def _opened(replay: Replay) -> Iterator[tuple[KafkaConnection, Reader, Schemas]]:
    """The replay's target: how to reach it, its topic to read and its schemas."""
    plan, target = replay.plan, replay.plan.promotion.target
    kafka = kafka_connection(target)
    now = cluster_id(kafka)
    if now != plan.cluster_id:
        raise Incomplete(
            f"The replay wrote to cluster {plan.cluster_id}, and {target.name} now is on {now}.",
            "Set the environment back, so that it can be read there what has arrived.",
        )
    with open_reader(kafka, plan.topic) as reader, open_schemas(target) as registry:
        yield kafka, reader, registry


def _read_part(part: PartLease, steps: Matcher, reader: Reader, shapes: _Shapes, beat: Beat) -> None:
    window, matcher = window_of([part.part]), steps.again()
    _read(Teller(part, beat), matcher, reader, window, shapes)
    finish(part, matcher, window)


def _window(lease: Lease, replay: Replay, reader: Reader) -> Window:
    """Where to read. Waits until no open transaction of somebody else hides a part of it."""
    before, after = _positions(replay)
    pins = {pin.partition: pin for pin in reader.pin()}
    if replay.finished_at is None:
        wanted = {partition: pin.high for partition, pin in pins.items()}
    else:
        # Beyond its end now a partition was cut or made anew: what stood there is missing.
        ends = after or {partition: pin.high for partition, pin in pins.items()}
        wanted = {partition: min(end, pins[partition].high) for partition, end in ends.items() if partition in pins}
    pins = _readable(lease, reader, pins, wanted)
    lows = {partition: pins[partition].low for partition in wanted}
    starts = {partition: min(before.get(partition, lows[partition]), wanted[partition]) for partition in wanted}
    return Window(starts, wanted, lows)


def _positions(replay: Replay) -> tuple[dict[int, int], dict[int, int]]:
    """The target's ends before and after the replay. Where they were not noted, the receipts have their like."""
    before = {int(partition): offset for partition, offset in replay.before.items()}
    after = {int(partition): offset for partition, offset in replay.after.items()}
    if not before or (not after and replay.finished_at is not None):
        receipts = Receipt.objects.filter(attempt__replay=replay)
        if replay.finished_at is not None:
            receipts = receipts.committed()
        found = list(receipts.order_by().values_list("partition").annotate(low=Min("offset"), high=Max("offset")))
        before = before or {partition: low for partition, low, _ in found}
        after = after or {partition: high + 1 for partition, _, high in found}
    return before, after


def _readable(
    lease: Lease, reader: Reader, pins: dict[int, PinnedPartition], wanted: Mapping[int, int]
) -> dict[int, PinnedPartition]:
    """Wait until readers of committed records get as far as `wanted`. Raises Incomplete after HELD_SECONDS."""
    deadline = time.monotonic() + HELD_SECONDS
    while held := [partition for partition, end in wanted.items() if pins[partition].end < end]:
        lease.check()
        if time.monotonic() > deadline:
            first = held[0]
            raise Incomplete(
                f"An open transaction of somebody else hides records of the target's partition {first} from offset "
                f"{pins[first].end} on, so it cannot be told what stands there.",
                "Verify again when that transaction has ended.",
            )
        time.sleep(LOOK_SECONDS)
        pins = {pin.partition: pin for pin in reader.pin()}
    return pins


def _read(told: Listener, matcher: Matcher, reader: Reader, window: Window, shapes: _Shapes) -> None:
    # From the low watermark on where retention was quicker: a reader would only report what it had to pass over.
    starts = {p: min(max(start, window.lows[p]), window.ends[p]) for p, start in window.starts.items()}
    headway = Headway(told, starts, window.ends)
    headway.begin("Reading the target")
    for batch in reader.read(starts, window.ends):
        for raw in batch.raw:
            headers = raw.headers() or ()
            step = matcher.step_of(headers)
            if step is not None and shapes.recognised(matcher, step, raw, headers):
                continue
            if matcher.claims(headers):
                matcher.take(to_record(batch.topic, raw), shapes.found, shapes.explain)
            else:
                matcher.foreign += 1
        for partition, (_, first) in batch.truncated.items():
            window.lows[partition] = max(window.lows[partition], first)
        headway.take(batch)


class _Shapes:
    """Turns records into what the digest is taken of; asks the registry once for each schema id."""

    def __init__(self, replay: Replay, registry: Schemas) -> None:
        self._replay = replay
        self._registry = registry
        self._append_time = replay.plan.append_time
        self._fingerprints: dict[int, str] = {}
        self._packer = HeaderPacker()

    def recognised(self, matcher: Matcher, step: int, raw: RawRecord, headers: Sequence[Header]) -> bool:
        """Return whether `raw` is the step, to the last byte; the matcher has taken it then.

        The short way for what is as it should be; whatever it does not recognise goes the long one.
        """
        try:
            schema_id, body = unframe(raw.value() or b"")
        except InvalidInput:
            return False
        kind, timestamp = raw.timestamp()
        stamp = NO_TIMESTAMP if self._append_time or not kind else timestamp
        key, partition, offset = raw.key(), raw.partition() or 0, raw.offset() or 0
        packed = self._packer.pack(headers)
        digest = record_digest(key, partition, stamp, packed, self._fingerprint(schema_id), body)
        return matcher.recognise(step, digest, partition, offset, key)

    def found(self, record: Record) -> Shape:
        """Return the shape of a record of the target; what cannot be taken apart is no planned record's shape."""
        value = b"" if record.value is None else record.value
        try:
            schema_id, body = unframe(value)
        except InvalidInput:
            return Shape.of(record, self._replay.plan.append_time, UNKNOWN_SCHEMA, value)
        return Shape.of(record, self._replay.plan.append_time, self._fingerprint(schema_id), body)

    def explain(self, ordinal: int, found: Shape) -> str:
        """Return the names of the parts in which a record is not the planned one."""
        ((_, step),) = planned(self._replay, [ordinal])
        parts = ", ".join(step.differences(found))
        unknown = " (its schema is not known on the target)" if found.schema == UNKNOWN_SCHEMA else ""
        return f"It differs from the plan in: {parts}{unknown}."

    def _fingerprint(self, schema_id: int) -> str:
        if schema_id not in self._fingerprints:
            try:
                self._fingerprints[schema_id] = parse(self._registry.schema_by_id(schema_id)).fingerprint
            except (NotFound, InvalidInput):
                self._fingerprints[schema_id] = UNKNOWN_SCHEMA
        return self._fingerprints[schema_id]
