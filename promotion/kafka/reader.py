"""Reads a topic from pinned starts to pinned ends, and says what was missing: for export and verification.

The reader joins no consumer group and commits nothing; where it stands is the caller's to keep.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Protocol, Self

from confluent_kafka import KafkaError, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import Record
from promotion.errors import Incomplete, PromotionError, Unreachable
from promotion.kafka.failures import explain, is_group_error
from promotion.kafka.handles import Session, let_go
from promotion.kafka.metadata import EARLIEST, LATEST, at_time, find_topic, list_offsets
from promotion.kafka.settings import Settings, topic_name

# The fetch settings decide the speed. With librdkafka's defaults a full local queue stops fetching for a second, which
# the consumer then spends waiting; a short pause lets a small queue do, in less memory. Measured with 1 M records of
# 200 bytes: defaults with a queue of 64 MB 355,000 records/s at 250 MB, these settings with a queue of 16 MB
# 480,000-820,000 at 190 MB. With 4 MB instead of 16 a worker at an export or a verification has 40 MB less and takes as
# long (1 M records of which one in twenty is kept, one worker: 2.95 s of 3, with 16 MB 3.25 s of 5).
FETCH: Settings = {
    "queued.max.messages.kbytes": 4_096,
    "queued.min.messages": 1_000_000,
    "fetch.queue.backoff.ms": 10,
    "fetch.wait.max.ms": 100,
}
BOUNDED: Settings = {
    "group.id": "promotion-reader",  # the client asks for a name; the group is never joined
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    # Any other value would skip to another offset silently where the log was truncated.
    "auto.offset.reset": "error",
}
# How long nothing may come before the brokers are asked whether they are there; before the reader gives up when they
# are not, which a broker's restart must not cause; and when they are, but nothing moves.
PROBE_SECONDS = 5.0
PROBE_TIMEOUT = 3.0
GONE_SECONDS = 60.0
STALL_SECONDS = 120.0
# A batch is asked for by number. Reading alone costs the same with 500 or 10,000, 0.6 microseconds of processor time a
# record; but with their headers taken out no more than 500 fit into a processor's cache: a plan's look at a target
# takes a fifth longer with 2,000. With large records the number shrinks to stay near this size.
BATCH = 500
BATCH_BYTES = 16 * 1024 * 1024
FIRST_BATCH = 100
# The client waits this long for a batch to fill, also for the last one where offsets without records stand in it.
GATHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class PinnedPartition:
    """Where a partition begins and ends for one run.

    `low` is the first offset there is, `end` the one before which the run stops, `high` the high watermark.
    """

    partition: int
    low: int
    end: int
    high: int

    @property
    def held_back(self) -> int:
        """How many offsets an open transaction keeps from readers of committed records."""
        return self.high - self.end


class RawRecord(Protocol):
    """A record as the client holds it; each method copies one part out. See `to_record`."""

    def __len__(self) -> int:
        """The bytes of its value, 0 where it has none; nothing is copied."""

    def partition(self) -> int | None:
        """The partition it lies in."""

    def offset(self) -> int | None:
        """Its offset there."""

    def timestamp(self) -> tuple[int, int]:
        """The kind of timestamp (0: none) and milliseconds."""

    def key(self) -> bytes | None:
        """The key's bytes."""

    def value(self) -> bytes | None:
        """The value's bytes, None for a tombstone."""

    def headers(self) -> Any:
        """The headers in their order."""


@dataclass(frozen=True)
class Batch:
    """What one step of a read brought; everything may be empty, so that the caller can look at its lease.

    `raw` are the records in the order of each partition. `positions` has the next position of each partition that
    moved, past control records and gaps too: to resume there loses and repeats nothing. `done` are the partitions
    that reached their end. `truncated` has, by partition, the offset that should have come next and the first one
    that was still there: what lay between was deleted before it was read.
    """

    topic: str
    raw: Sequence[RawRecord] = ()
    positions: Mapping[int, int] = field(default_factory=dict)
    done: frozenset[int] = frozenset()
    truncated: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def records(self) -> list[Record]:
        """The records as plain values. Where most are thrown away, look at `raw` and convert the rest only."""
        return [to_record(self.topic, raw) for raw in self.raw]


def to_record(topic: str, raw: RawRecord) -> Record:
    """Return `raw` as a plain value; its timestamp is -1 where the topic has none."""
    kind, timestamp = raw.timestamp()
    headers = raw.headers()
    return Record(
        topic,
        raw.partition() or 0,
        raw.offset() or 0,
        timestamp if kind else -1,
        raw.key(),
        raw.value(),
        tuple(headers) if headers else (),
    )


def open_reader(
    connection: KafkaConnection, topic: str, read_committed: bool = True, timeout: float = 10.0
) -> "Reader":
    """Return a reader of `topic`, to be used in a `with` statement and in the process that opened it.

    `timeout` bounds each request in seconds. Raises InvalidInput, and TopicMissing, Unreachable and the like as
    `cluster.inspect` does.
    """
    return Reader(connection, topic, read_committed, timeout)


class Reader:
    """A bounded reader; see `open_reader`. Not for two threads, and one `read` at a time."""

    def __init__(self, connection: KafkaConnection, topic: str, read_committed: bool, timeout: float) -> None:
        self.topic = topic_name(topic)
        self._committed = read_committed
        self._timeout = timeout
        self._session = Session(connection)
        self._admin = self._session.admin()
        level = "read_committed" if read_committed else "read_uncommitted"
        self._consumer = self._session.consumer({**BOUNDED, **FETCH, "isolation.level": level})
        self._paused = set[int]()
        try:
            # It is the consumer that is asked: of a topic that it does not know when partitions are assigned it learns
            # at its next look at all of them, up to a second later (measured: in 4 of 10 reads).
            _, self._partitions = find_topic(self._session, self._consumer, topic, timeout)
        except PromotionError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the consumer."""
        let_go(self._consumer.close)

    @property
    def partitions(self) -> tuple[int, ...]:
        """The topic's partitions."""
        return tuple(self._partitions)

    def pin(self, partitions: Sequence[int] | None = None) -> list[PinnedPartition]:
        """Return where `partitions` (all by default) begin and end now.

        For a reader of committed records the end is the last stable offset, else the high watermark.
        """
        wanted = self._partitions if partitions is None else partitions
        # The high watermark first: records that arrive between the two questions must not count as held back.
        high = self._offsets(wanted, LATEST)
        end = self._offsets(wanted, LATEST, committed=True) if self._committed else high
        low = self._offsets(wanted, EARLIEST)
        return [PinnedPartition(p, low[p], max(low[p], end[p]), max(high[p], end[p], low[p])) for p in wanted]

    def start_offsets_for(self, timestamp_ms: int) -> dict[int, int]:
        """Return by partition the first offset with a timestamp of `timestamp_ms` or later, else the current end."""
        found = self._offsets(self._partitions, at_time(timestamp_ms))
        missing = [partition for partition, offset in found.items() if offset < 0]
        return found | self._offsets(missing, LATEST, committed=self._committed)

    def read(
        self, starts: Mapping[int, int], ends: Mapping[int, int], batch: int = BATCH, timeout: float = 1.0
    ) -> Iterator[Batch]:
        """Yield the records from `starts` up to, not including, `ends`, both by partition.

        A batch has at most `batch` records; an idle one comes after `timeout` seconds. Truncation is reported in the
        batch, and the reading goes on behind it. Raises Unreachable where no broker answers or nothing moves for
        long, Incomplete where a partition now ends before its pinned end, and otherwise as `open_reader` does.
        """
        run = _Run(dict(starts), {partition: ends[partition] for partition in starts})
        run.recover({p: starts[p] for p in run.ends}, self._lows(run.ends), at_start=True)
        for partition in list(run.ends):
            run.reach(partition, run.positions[partition])
        if run.done or run.truncated:
            yield run.batch(self.topic, [])
        self._assign(run)
        ask = min(batch, FIRST_BATCH)
        moved = probed = yielded = time.monotonic()
        while run.ends:
            with self._session.explaining(f"reading topic {self.topic}"):
                messages = self._consumer.consume(min(ask, run.left), min(timeout, GATHER_SECONDS))
            kept = run.sort(messages)
            self._settle(run)
            now = time.monotonic()
            if messages or now - yielded >= timeout:
                yield run.batch(self.topic, kept)
                yielded = now
            if messages:
                moved = probed = now
                ask = max(1, min(batch, BATCH_BYTES * len(messages) // (1 + sum(map(len, messages)))))
            elif now - probed > PROBE_SECONDS:
                self._probe(run, now - moved)
                probed = time.monotonic()
        self._consumer.unassign()

    def _settle(self, run: "_Run") -> None:
        """Deal with what `run` met beside records: the client's errors, truncation, early ends, finished partitions."""
        for error in run.errors:
            if not is_group_error(error):
                doing = f"reading topic {self.topic}"
                raise explain(error, doing, self._session.servers, self._session.seen, self._session.secrets)
        if run.early:
            self._check_ends(run, run.early)
        if run.lost:
            run.recover(run.lost, self._lows(run.lost), at_start=False)
            self._assign(run)
        elif run.done:
            self._consumer.pause(self._at(run.done))
            self._paused |= run.done

    def _assign(self, run: "_Run") -> None:
        self._consumer.assign([TopicPartition(self.topic, p, run.positions[p]) for p in run.ends])
        # The client remembers what was paused, also of an assignment that is over: without this nothing would come.
        if again := self._paused & run.ends.keys():
            self._consumer.resume(self._at(again))
            self._paused -= again

    def _at(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self.topic, partition) for partition in partitions]

    def _probe(self, run: "_Run", idle: float) -> None:
        """Raise where the silence has a cause; return where the brokers answer and there is hope."""
        try:
            self._check_ends(run, run.ends, PROBE_TIMEOUT)
        except Unreachable:
            if idle > GONE_SECONDS:
                raise
        if idle > STALL_SECONDS:
            raise Unreachable(
                f"Nothing came from topic {self.topic} for {idle:.0f} s, partitions {sorted(run.ends)}.",
                "See whether these partitions have a leader, then start again: it goes on where it stopped.",
            )

    def _check_ends(self, run: "_Run", partitions: Iterable[int], timeout: float | None = None) -> None:
        now = self._offsets(list(partitions), LATEST, committed=self._committed, timeout=timeout)
        for partition, end in now.items():
            if end < run.ends.get(partition, 0):
                raise Incomplete(
                    f"Topic {self.topic}, partition {partition} ends at {end}, before its pinned end "
                    f"{run.ends[partition]}: its log was cut or the topic was made anew.",
                    "Start a new export.",
                )

    def _lows(self, partitions: Iterable[int]) -> dict[int, int]:
        return self._offsets(list(partitions), EARLIEST)

    def _offsets(
        self, partitions: Sequence[int], spec: OffsetSpec, *, committed: bool = False, timeout: float | None = None
    ) -> dict[int, int]:
        seconds = self._timeout if timeout is None else timeout
        return list_offsets(self._session, self._admin, self.topic, partitions, spec, seconds, committed=committed)


class _Run:
    """Where one `read` stands. `ends` holds the partitions that are still open."""

    def __init__(self, positions: dict[int, int], ends: dict[int, int]) -> None:
        self.positions = positions
        self.ends = ends
        self._clear()

    def _clear(self) -> None:
        self.moved: set[int] = set()
        self.done: set[int] = set()
        self.lost: dict[int, int] = {}
        self.early: set[int] = set()
        self.truncated: dict[int, tuple[int, int]] = {}
        self.errors: list[KafkaError] = []

    @property
    def left(self) -> int:
        """How many offsets are still to come, at least 1."""
        return max(1, sum(end - self.positions[partition] for partition, end in self.ends.items()))

    def batch(self, topic: str, kept: Sequence[Message]) -> Batch:
        """Return what happened since the last batch."""
        positions = {partition: self.positions[partition] for partition in self.moved}
        result = Batch(topic, kept, positions, frozenset(self.done), self.truncated)
        self._clear()
        return result

    def sort(self, messages: Sequence[Message]) -> list[Message]:
        """Return the records among `messages` that lie before their partition's end; note everything else."""
        kept: list[Message] = []
        positions, ends = self.positions, self.ends
        touched: set[int] = set()
        for message in messages:
            if message.error() is not None:
                self._note(message)
                continue
            partition: int = message.partition()  # type: ignore[assignment]
            offset: int = message.offset()  # type: ignore[assignment]
            if offset < ends.get(partition, -1):
                kept.append(message)
                positions[partition] = offset + 1
                touched.add(partition)
            elif partition in ends:
                self.reach(partition, offset)
        self.moved |= touched
        for partition in touched & ends.keys():
            self.reach(partition, positions[partition])
        return kept

    def _note(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is None or (partition is not None and partition >= 0 and partition not in self.ends):
            return
        if error.code() == KafkaError._PARTITION_EOF and partition is not None and offset is not None:
            if not self.reach(partition, offset):
                self.early.add(partition)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and partition is not None:
            self.lost[partition] = max(offset or 0, self.positions[partition])
        else:
            self.errors.append(error)

    def reach(self, partition: int, offset: int) -> bool:
        """Note that nothing below `offset` is still to come; return whether that finishes the partition."""
        end = self.ends[partition]
        if offset > self.positions[partition]:
            self.positions[partition] = min(offset, end)
            self.moved.add(partition)
        if offset < end:
            return False
        self.positions[partition] = end
        self.done.add(partition)
        self.moved.add(partition)
        del self.ends[partition]
        return True

    def recover(self, expected: Mapping[int, int], lows: Mapping[int, int], *, at_start: bool) -> None:
        """Go on behind what was deleted: from `lows` where `expected` should have come, both by partition."""
        for partition, position in expected.items():
            low = lows[partition]
            if low > position:
                self.truncated[partition] = (position, low)
                self.reach(partition, low)
            elif not at_start:
                raise Incomplete(
                    f"Partition {partition} has no offset {position} any more, nor a later one: the topic was cut.",
                    "Start a new export.",
                )
