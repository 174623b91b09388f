"""What the tests of the Kafka layer share: a cluster's address, topics of their own, and what is in them."""

from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from portal_admin.embedded.stack import Cluster
from promotion.domain.connection import KafkaConnection, RegistryConnection
from promotion.domain.record import Record
from promotion.kafka.cluster import create_topic
from promotion.kafka.reader import open_reader
from tests.services import unique

NewTopic = Callable[..., str]


@pytest.fixture
def connection(clusters: dict[str, Cluster]) -> KafkaConnection:
    return KafkaConnection(clusters["dev"].bootstrap_servers)


@pytest.fixture
def registry_connection(clusters: dict[str, Cluster]) -> RegistryConnection:
    return RegistryConnection(clusters["dev"].registry_url)


@pytest.fixture
def new_topic(connection: KafkaConnection) -> NewTopic:
    """Create a topic of this test alone; settings by keyword, underscores for dots."""

    def create(partitions: int = 1, **config: str) -> str:
        name = unique("kafka-test")
        settings = {"retention.ms": "-1"} | {key.replace("_", "."): value for key, value in config.items()}
        assert create_topic(connection, name, partitions, settings)
        return name

    return create


def everything(connection: KafkaConnection, topic: str, *, committed: bool = True) -> list[Record]:
    """All records of `topic`, by partition and offset."""
    with open_reader(connection, topic, read_committed=committed) as reader:
        pins = reader.pin()
        starts, ends = {p.partition: p.low for p in pins}, {p.partition: p.end for p in pins}
        found = [record for batch in reader.read(starts, ends) for record in batch.records]
    return sorted(found, key=lambda record: (record.partition, record.offset))


def delete_records(connection: KafkaConnection, topic: str, before: int, partition: int = 0) -> None:
    """Delete what lies before the offset `before`, as retention does."""
    admin = AdminClient({"bootstrap.servers": connection.bootstrap_servers})
    for future in admin.delete_records([TopicPartition(topic, partition, before)]).values():
        future.result(10)
