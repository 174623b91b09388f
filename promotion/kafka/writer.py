"""The transactional writer: records and the marker of progress become visible together, or not at all.

The order of `open` is the heart of it. A new producer with the same transactional id first fences whoever held it and
settles that one's open transaction; only then is the marker final and may be read. So on every start, and on every
doubt: close this writer, open a new one, and believe its marker, not an exception and not a database.
"""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import OutgoingRecord
from promotion.errors import InvalidInput, PromotionError, Stale
from promotion.kafka.failures import Fenced, OutcomeUnknown, error_of, is_fenced
from promotion.kafka.handles import Session, let_go
from promotion.kafka.marker import Marker, committed_when_loaded, dump_metadata, load_marker
from promotion.kafka.metadata import find_topic
from promotion.kafka.receipts import Receipts
from promotion.kafka.settings import Settings, topic_name
from promotion.kafka.undelivered import Undelivered
from promotion.kafka.waiting import SLICE_SECONDS, TookTooLong, nothing, waiting

log = logging.getLogger(__name__)
T = TypeVar("T")

DEFAULT_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's own default of max.message.bytes
POLL_EVERY = 500
CLOSE_SECONDS = 5.0
# Batches that fill cost less on both sides. Measured with 100,000 records of 300 bytes and thirteen headers, in four
# partitions, in microseconds of processor time a record of the client's threads and of the broker: with 5 ms of waiting
# 3.4 and 9.0, with 20 ms 2.5 and 7.3, with 50 ms 2.3 and 6.2; but the last batch of each transaction waits as long.
# In another run: lz4 2.9 and 7.1, no compression 3.7 and 10.6, zstd 4.4 and 8.7.
QUEUE: Settings = {
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    "linger.ms": 20,
    "compression.type": "lz4",
}


def producer_settings(name: str, transaction_timeout_ms: int, max_message_bytes: int) -> Settings:
    """Return the settings of a transactional producer on top of the connection's.

    A batch may not be larger than the topic allows one record to be, since the broker measures batches.
    """
    return {
        **QUEUE,
        "transactional.id": name,
        "transaction.timeout.ms": transaction_timeout_ms,
        "message.timeout.ms": transaction_timeout_ms,
        "enable.idempotence": True,
        "acks": "all",
        "socket.timeout.ms": min(20_000, transaction_timeout_ms),
        "message.max.bytes": max(1_000, max_message_bytes),
        "batch.size": max(1_000, min(1_000_000, max_message_bytes)),
    }


def fence(connection: KafkaConnection, name: str, timeout: float = 30.0, on_wait: Callable[[], None] = nothing) -> None:
    """End the open transaction of `name` now, and keep its producer from ever writing again.

    A worker that died inside a transaction hides later records from readers of committed ones until it is fenced or
    times out. When this returns, the outcome is final. Raises Unreachable and the like after `timeout` seconds.
    """
    session = Session(connection)
    producer = session.producer(producer_settings(name, 30_000, DEFAULT_MAX_MESSAGE_BYTES))
    with session.explaining(f"fencing {name}", producer):
        answered(lambda: producer.init_transactions(timeout), on_wait, timeout)


def answered(call: Callable[[], T], on_wait: Callable[[], None], seconds: float) -> T:
    """Return what `call` returns; where it has not come back a little after `seconds`, fail as the client does."""
    try:
        return waiting(call, on_wait, seconds + SLICE_SECONDS)
    except TookTooLong:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the brokers do not answer")) from None


class TransactionalWriter:
    """Writes to the explicit partitions of one topic in transactions; see the module for the order of things.

    `name` is both the transactional id and the group of the marker; it must hold the installation's own id, so that
    a restored copy of the database neither fences nor believes another's. `partitions` is the number that the records
    were placed for. `on_wait` is called about every second while something is waited for, in the calling thread; what
    it raises stops the waiting, except in a commit, which is never left half-way. Not for two threads.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        name: str,
        partitions: int,
        transaction_timeout_ms: int = 60_000,
        *,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        timeout: float = 30.0,
        on_wait: Callable[[], None] = nothing,
    ) -> None:
        self.topic = topic_name(topic)
        self.name = name
        self.partitions = partitions
        self.marker: Marker | None = None
        self.receipts = Receipts()
        self._connection = connection
        self._settings = producer_settings(name, transaction_timeout_ms, max_message_bytes)
        self._transaction_seconds = transaction_timeout_ms / 1000
        self._timeout = timeout
        self._on_wait = on_wait
        self._session = Session(connection)
        self._producer: Producer | None = None
        self._consumer: Consumer | None = None
        self._undelivered = Undelivered()
        self._produced = 0
        self._in_transaction = False
        self._surprise: BaseException | None = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def open(self) -> Self:
        """Fence the older producers of this name, settle their transaction, then read the marker.

        Raises Stale where the topic's partitions are not as many as given, Incomplete where the marker is not ours,
        InvalidInput for a transaction time-out beyond the broker's limit, Unreachable and the like.
        """
        try:
            self._producer = self._session.producer(self._settings)
            # Connected first: a client that is not so yet when it looks for its coordinator looks again after half a
            # second (measured: 13 of 28 writers, with this 3).
            self._call(f"connecting {self.name}", lambda p: p.list_topics(self.topic, self._timeout))
            self._call(f"opening {self.name}", lambda p: p.init_transactions(self._timeout))
            self._consumer = self._session.consumer(
                {"group.id": self.name, "enable.auto.commit": False, "isolation.level": "read_committed"}
            )
            self._check_partitions(self._consumer)
            self.marker = self._read_marker(self._consumer)
        except BaseException:
            self.close()
            raise
        return self

    def begin(self) -> None:
        """Begin a transaction. `receipts` are those of this transaction from here on."""
        self.receipts, self._undelivered, self._produced = Receipts(), Undelivered(), 0
        with self._session.explaining("beginning a transaction"):
            self._open_producer().begin_transaction()
        self._in_transaction = True

    def produce(self, ordinal: int, record: OutgoingRecord) -> None:
        """Queue `record`; where the queue is full, wait until there is room.

        Raises InvalidInput for a partition that is not there or a timestamp that cannot be written, NotDelivered for
        a record that is too large or when an earlier one was refused.
        """
        partition, timestamp, key, value, headers = record
        self._check_place(ordinal, partition, timestamp)
        given: list[tuple[str, str | bytes | None]] = list(headers)
        delivered = partial(self._delivered, ordinal)
        while True:
            try:
                self._open_producer().produce(
                    self.topic, value, key, partition, timestamp=timestamp, headers=given or None, on_delivery=delivered
                )
                break
            except BufferError:
                self._poll(SLICE_SECONDS)
                self._on_wait()
            except KafkaException as failure:
                self._undelivered.add(ordinal, partition, error_of(failure))
                self._undelivered.raise_any(self.topic, self._session)
        self._produced += 1
        if self._produced % POLL_EVERY == 0:
            self._poll(0)

    def flush(self) -> None:
        """Wait until every record is delivered, or raise: NotDelivered, Fenced or Unreachable.

        It ends by itself, since a record fails when the transaction's time-out has passed.
        """
        producer, waited = self._open_producer(), time.monotonic()
        # Not the client's own flush: once fenced, that one ends in a SystemError where poll says what happened.
        while len(producer):
            self._poll(SLICE_SECONDS)
            if time.monotonic() - waited >= SLICE_SECONDS:
                self._on_wait()
                waited = time.monotonic()
        self._undelivered.raise_any(self.topic, self._session)

    def commit(self, next_ordinal: int, metadata: Mapping[str, Any], on_stored: Callable[[], None] = nothing) -> None:
        """Commit the records and, with them, the marker (`next_ordinal`, `metadata`).

        `on_stored` is called when the marker is in the transaction and the commit is about to be asked for. Raises
        InvalidInput for metadata above 4,000 bytes, before anything is sent. What `flush` raises, or a failure to
        store the marker, means that nothing was committed: `abort`. Fenced and OutcomeUnknown mean that only a new
        writer's marker can tell.
        """
        position = TopicPartition(self.topic, 0, next_ordinal, dump_metadata(metadata))
        self.flush()
        if self._consumer is None or len(self.receipts) != self._produced:
            raise OutcomeUnknown("Not every record has its receipt.", "Open a new writer and read its marker.")
        group = self._consumer.consumer_group_metadata()
        self._call("storing the marker", lambda p: p.send_offsets_to_transaction([position], group, self._timeout))
        on_stored()
        self._commit()
        self.marker = Marker(next_ordinal, dict(metadata))

    def abort(self) -> None:
        """End the transaction without its records: readers of committed records never see them.

        Where that fails, a new producer is opened and closed: it settles what was left. Raises Fenced where another
        worker holds the name, Unreachable where the brokers do not answer: then the time-out ends the transaction.
        """
        self.receipts, self._produced, self._in_transaction = Receipts(), 0, False
        try:
            self._call("aborting a transaction", lambda p: p.abort_transaction(-1))
        except Fenced:
            raise
        except PromotionError as failure:
            log.warning("Aborting %s failed, its producer is replaced: %s", self.name, failure.message)
            self.close()
            fence(self._connection, self.name, self._timeout, self._on_wait)

    def close(self) -> None:
        """Let go of the handles; an open transaction is aborted. Never raises, and may be called again."""
        producer, consumer, self._producer, self._consumer = self._producer, self._consumer, None, None
        if producer is not None and self._in_transaction:
            let_go(lambda: producer.abort_transaction(CLOSE_SECONDS))
        if consumer is not None:
            let_go(consumer.close)
        self._in_transaction = False

    def _commit(self) -> None:
        def keep_alive() -> None:
            try:
                self._on_wait()
            except PromotionError as reason:  # a commit is not left half-way; the caller is asked again soon enough
                log.info("Asked to stop while %s commits: %s", self.name, reason.message)

        producer = self._open_producer()
        self._in_transaction = False  # from here on it is not ours to abort
        try:
            answered(lambda: self._commit_until_sure(producer), keep_alive, self._transaction_seconds)
        except KafkaException as failure:
            error = error_of(failure)
            if is_fenced(error):
                raise Fenced(f"Another worker took over {self.name}.", "The marker tells the outcome.") from None
            raise OutcomeUnknown(
                f"It is not known whether the transaction of {self.name} was committed ({error.name()}).",
                "Open a new writer and read its marker.",
            ) from None

    def _commit_until_sure(self, producer: Producer) -> None:
        """Call again where librdkafka says that this is what to do: the same commit is then resumed, not repeated."""
        deadline = time.monotonic() + self._transaction_seconds
        while True:
            try:
                return producer.commit_transaction(-1)
            except KafkaException as failure:
                if not error_of(failure).retriable() or time.monotonic() > deadline:
                    raise

    def _call(self, doing: str, call: Callable[[Producer], T]) -> T:
        producer = self._open_producer()
        with self._session.explaining(doing, producer):
            return self._served(lambda: answered(lambda: call(producer), self._on_wait, self._timeout))

    def _check_partitions(self, consumer: Consumer) -> None:
        _, found = find_topic(self._session, consumer, self.topic, self._timeout)
        if len(found) != self.partitions:
            raise Stale(
                f"Topic {self.topic} has {len(found)} partitions, the records were placed for {self.partitions}.",
                "Make a new plan.",
            )

    def _read_marker(self, consumer: Consumer) -> Marker | None:
        where = [TopicPartition(self.topic, 0)]
        with self._session.explaining(f"reading the marker of {self.name}", consumer):
            found = answered(
                lambda: committed_when_loaded(consumer, where, self._timeout), self._on_wait, self._timeout
            )[0]
        return None if found.offset < 0 else load_marker(found.offset, found.metadata, self.name)

    def _check_place(self, ordinal: int, partition: int, timestamp: int) -> None:
        if not 0 <= partition < self.partitions:
            raise InvalidInput(f"Record {ordinal} is for partition {partition} of {self.partitions}.")
        if timestamp <= 0:  # the client would write the present time instead
            raise InvalidInput(f"Record {ordinal} has no timestamp.", "Choose one when the replay is planned.")

    def _delivered(self, ordinal: int, error: KafkaError | None, message: Message) -> None:
        # Whatever is raised here, a job's time-out included, would come out of the client as a bare SystemError.
        try:
            if error is None:
                self.receipts.add(ordinal, message.partition() or 0, message.offset() or 0)
            else:
                self._undelivered.add(ordinal, message.partition() or 0, error)
        except BaseException as surprise:
            self._surprise = self._surprise or surprise

    def _poll(self, timeout: float) -> None:
        producer = self._open_producer()
        with self._session.explaining(f"writing to topic {self.topic}"):
            self._served(lambda: producer.poll(timeout))
        self._undelivered.raise_any(self.topic, self._session)

    def _served(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; raise what a delivery report raised meanwhile."""
        try:
            result = call()
        except SystemError:
            if self._surprise is None:
                raise
        if self._surprise is not None:
            surprise, self._surprise = self._surprise, None
            raise surprise
        return result

    def _open_producer(self) -> Producer:
        if self._producer is None:
            raise OutcomeUnknown(f"The writer {self.name} is closed.", "Open a new writer and read its marker.")
        return self._producer
