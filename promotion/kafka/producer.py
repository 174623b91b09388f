"""A plain producer without transactions, for the demo's seed and for tests that need an ordinary one."""

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import Headers
from promotion.kafka.failures import error_of
from promotion.kafka.handles import Session
from promotion.kafka.settings import Settings, topic_name
from promotion.kafka.undelivered import Undelivered

POLL_EVERY = 500
PLAIN: Settings = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 20,
    "message.timeout.ms": 30_000,
    "message.max.bytes": 100_000_000,
    # As Java's producers place them: by murmur2 of the key, and keyless records anywhere.
    "partitioner": "murmur2_random",
}


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """A record to produce. `value` None is a tombstone, `timestamp` 0 is now, `partition` None is by the key."""

    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Headers = ()
    partition: int | None = None


def produce_all(connection: KafkaConnection, topic: str, records: Iterable[PlainRecord]) -> int:
    """Produce `records` to `topic`, wait for their delivery and return how many there were.

    Raises NotDelivered or Unreachable; what was delivered until then stays.
    """
    topic_name(topic)
    session, undelivered, count = Session(connection), Undelivered(), 0
    producer = session.producer(PLAIN)

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            undelivered.add(count, message.partition() or 0, error)

    def queued(record: PlainRecord) -> bool:
        try:
            producer.produce(
                topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                timestamp=record.timestamp,
                headers=list(record.headers) or None,
                on_delivery=delivered,
            )
        except BufferError:
            return False
        return True

    for record in records:
        try:
            while not queued(record):
                producer.poll(1)  # there is room again at the latest when what waits has timed out
        except KafkaException as failure:
            undelivered.add(count, -1, error_of(failure))
            break
        count += 1
        if count % POLL_EVERY == 0:
            producer.poll(0)
    with session.explaining(f"writing to topic {topic}"):
        while len(producer):
            producer.poll(1)
    undelivered.raise_any(topic, session)
    return count
