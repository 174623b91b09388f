"""Asks a cluster where a topic stands: its partitions, and the offsets of all of them at once."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from promotion.kafka.failures import TopicMissing, error_of
from promotion.kafka.handles import Session, wait_for

NO_SUCH_TIME = -1
_LEADER_MOVES = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_LEADER_EPOCH}
_LEADER_MOVES |= {KafkaError.FENCED_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE}
# Of the client's own, which has no types: where in a partition an offset is asked for.
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def at_time(timestamp_ms: int) -> OffsetSpec:
    """Return what asks for the first record with this timestamp or a later one."""
    spec: OffsetSpec = OffsetSpec.for_timestamp(timestamp_ms)
    return spec


def find_topic(session: Session, handle: AdminClient | Consumer, topic: str, timeout: float) -> tuple[str, list[int]]:
    """Return the cluster's id and the partitions of `topic` in order; TopicMissing where there is none."""
    with session.explaining(f"looking for topic {topic}", handle):
        metadata = handle.list_topics(topic, timeout=timeout)
        found = metadata.topics[topic]
        if found.error is not None:
            if found.error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID):
                raise TopicMissing(
                    f"Topic {topic} does not exist on {session.servers}.", "Check its name, or create it first."
                )
            raise KafkaException(found.error)
    return str(metadata.cluster_id), sorted(found.partitions)


def list_offsets(
    session: Session,
    admin: AdminClient,
    topic: str,
    partitions: Iterable[int],
    spec: OffsetSpec,
    timeout: float,
    *,
    committed: bool = False,
) -> dict[int, int]:
    """Return the offset that `spec` means, by partition; -1 where a timestamp is later than every record.

    With `committed` the latest offset is the last stable one, without it the high watermark.
    """
    found = _list(session, admin, topic, partitions, spec, timeout, committed=committed)
    return {partition: int(info.offset) for partition, info in found.items()}


def list_times(
    session: Session, admin: AdminClient, topic: str, partitions: Iterable[int], spec: OffsetSpec, timeout: float
) -> dict[int, int]:
    """Return the time in milliseconds of the record that `spec` means, by partition; without those that have none.

    Raises as `list_offsets` does, also where the brokers cannot be asked so: only from Kafka 3.0 on do they know the
    newest time.
    """
    found = _list(session, admin, topic, partitions, spec, timeout)
    return {partition: int(info.timestamp) for partition, info in found.items() if info.timestamp >= 0}


def _list(
    session: Session,
    admin: AdminClient,
    topic: str,
    partitions: Iterable[int],
    spec: OffsetSpec,
    timeout: float,
    *,
    committed: bool = False,
) -> dict[int, Any]:
    doing, deadline = f"asking for the offsets of topic {topic}", time.monotonic() + timeout
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    wanted = {TopicPartition(topic, partition): spec for partition in partitions}
    while True:
        with session.explaining(doing, admin):
            try:
                futures = admin.list_offsets(wanted, isolation_level=level, request_timeout=timeout) if wanted else {}
                return {where.partition: _info(future, timeout + 1) for where, future in futures.items()}
            except KafkaException as failure:
                if error_of(failure).code() not in _LEADER_MOVES or time.monotonic() > deadline:
                    raise
        time.sleep(0.1)


def _info(future: Future[Any], seconds: float) -> Any:
    info = wait_for(future, seconds)
    if info.offset < NO_SUCH_TIME:  # what the client answers, without an error, where a broker hangs
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the partition's leader does not answer"))
    return info
