"""A cluster as an administrator sees it: its id, and what a topic is and keeps."""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    DescribeClusterResult,
    NewTopic,
)

from promotion.domain.connection import KafkaConnection
from promotion.kafka.failures import TopicMissing, error_of
from promotion.kafka.handles import Session, wait_for
from promotion.kafka.metadata import EARLIEST, LATEST, find_topic, list_offsets
from promotion.kafka.settings import topic_name

TRANSACTION_MAX = "transaction.max.timeout.ms"
TIMESTAMP_BOTH_WAYS = "message.timestamp.difference.max.ms"  # the one setting that there was before Kafka 3.6


@dataclass(frozen=True, slots=True)
class Watermarks:
    """The first offset that a partition still holds, and the one that its next record will get."""

    partition: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic and the settings that decide what it takes and keeps.

    Times are milliseconds, sizes bytes; -1 is Kafka's "no limit", None a setting that this broker does not have.
    `timestamp_before_max_ms` and `timestamp_after_max_ms` bound how far a record's timestamp may be from now,
    `transaction_max_timeout_ms` how long a transaction may stay open; None where the brokers do not tell us.
    """

    cluster_id: str
    topic: str
    partitions: int
    watermarks: tuple[Watermarks, ...]
    cleanup_policy: str
    retention_ms: int | None
    retention_bytes: int | None
    message_timestamp_type: str
    timestamp_before_max_ms: int | None
    timestamp_after_max_ms: int | None
    max_message_bytes: int | None
    min_insync_replicas: int | None
    transaction_max_timeout_ms: int | None = None

    @property
    def compacted(self) -> bool:
        """Whether only the last record of a key is kept."""
        return "compact" in self.cleanup_policy


def inspect(connection: KafkaConnection, topic: str, timeout: float = 5.0) -> TopicFacts:
    """Return the facts about `topic`; each of the few requests may take `timeout` seconds.

    Raises InvalidInput (a malformed setting), TopicMissing, Unreachable, TlsFailed, AuthenticationFailed or
    NotAuthorized (the topic's settings need DESCRIBE_CONFIGS).
    """
    session = Session(connection)
    admin = session.admin()
    cluster, partitions = find_topic(session, admin, topic_name(topic), timeout)
    low = list_offsets(session, admin, topic, partitions, EARLIEST, timeout)
    high = list_offsets(session, admin, topic, partitions, LATEST, timeout)
    config = _config(session, admin, topic, timeout)
    return TopicFacts(
        cluster_id=cluster,
        topic=topic,
        partitions=len(partitions),
        watermarks=tuple(Watermarks(p, low[p], high[p]) for p in partitions),
        cleanup_policy=config.get("cleanup.policy", ""),
        retention_ms=_number(config, "retention.ms"),
        retention_bytes=_number(config, "retention.bytes"),
        message_timestamp_type=config.get("message.timestamp.type", ""),
        # Before Kafka 3.6 one setting stood for both directions.
        timestamp_before_max_ms=_number(
            config, "message.timestamp.before.max.ms", "message.timestamp.difference.max.ms"
        ),
        timestamp_after_max_ms=_number(config, "message.timestamp.after.max.ms", "message.timestamp.difference.max.ms"),
        max_message_bytes=_number(config, "max.message.bytes"),
        min_insync_replicas=_number(config, "min.insync.replicas"),
        transaction_max_timeout_ms=_longest_transaction(admin, timeout),
    )


def cluster_id(connection: KafkaConnection, timeout: float = 5.0) -> str:
    """Return the cluster's own id, which tells two addresses of one cluster from two clusters."""
    session = Session(connection)
    admin = session.admin()
    with session.explaining("asking for the cluster's id", admin):
        return str(_describe(admin, timeout).cluster_id)


def create_topic(
    connection: KafkaConnection,
    topic: str,
    partitions: int,
    config: Mapping[str, str] | None = None,
    replication: int = -1,
    timeout: float = 10.0,
) -> bool:
    """Create `topic` and wait until it is there; return False where it was there before, whatever its settings.

    `replication` -1 is the broker's default. Raises as `inspect` does.
    """
    session = Session(connection)
    admin = session.admin()
    doing = f"creating topic {topic_name(topic)}"
    new = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=dict(config or {}))
    created = True
    with session.explaining(doing, admin):
        future = admin.create_topics([new], operation_timeout=timeout, request_timeout=timeout)[topic]
        try:
            wait_for(future, timeout + 1)
        except KafkaException as failure:
            if error_of(failure).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            created = False
    _await_topic(session, admin, topic, timeout)
    return created


def _await_topic(session: Session, admin: AdminClient, topic: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            find_topic(session, admin, topic, timeout)
            return
        except TopicMissing:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _config(session: Session, admin: AdminClient, topic: str, timeout: float) -> dict[str, str]:
    doing = f"reading the settings of topic {topic}"
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    with session.explaining(doing, admin):
        future = admin.describe_configs([resource], request_timeout=timeout)[resource]
        entries = wait_for(future, timeout + 1)
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def _describe(admin: AdminClient, timeout: float) -> DescribeClusterResult:
    """The cluster without its topics, of which there may be thousands."""
    future: Future[DescribeClusterResult] = admin.describe_cluster(request_timeout=timeout)
    return wait_for(future, timeout + 1)


def _longest_transaction(admin: AdminClient, timeout: float) -> int | None:
    """What a broker allows a transaction to take; None where it may not be asked, which keeps nothing from going on."""
    try:
        broker = min(node.id for node in _describe(admin, timeout).nodes)
        resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
        entries = wait_for(admin.describe_configs([resource], request_timeout=timeout)[resource], timeout + 1)
        return _number({name: each.value for name, each in entries.items() if each.value}, TRANSACTION_MAX)
    except (KafkaException, ValueError):
        return None


def _number(config: Mapping[str, str], *names: str) -> int | None:
    return next((int(config[name]) for name in names if name in config), None)
