import logging
import socket
import time
from collections.abc import Iterator

import pytest

from portal_admin.embedded.stack import Cluster
from promotion.domain.connection import KafkaConnection, Security
from promotion.errors import InvalidInput, Unreachable
from promotion.kafka.cluster import Watermarks, cluster_id, create_topic, inspect
from promotion.kafka.failures import AuthenticationFailed, TlsFailed, TopicMissing
from promotion.kafka.handles import ClientLog
from promotion.kafka.producer import PlainRecord, produce_all
from tests.kafka.conftest import NewTopic, delete_records
from tests.services import unique


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_topic_is_inspected_with_its_settings(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic(
        3, cleanup_policy="compact,delete", retention_ms="1000", retention_bytes="5000000",
        message_timestamp_after_max_ms="7200000", max_message_bytes="50000",
    )  # fmt: skip
    produce_all(connection, topic, [PlainRecord(b"a", b"1", partition=1) for _ in range(4)])
    delete_records(connection, topic, 2, partition=1)
    facts = inspect(connection, topic)
    assert facts.cluster_id == cluster_id(connection)
    assert (facts.topic, facts.partitions) == (topic, 3)
    assert facts.watermarks == (Watermarks(0, 0, 0), Watermarks(1, 2, 4), Watermarks(2, 0, 0))
    assert facts.compacted
    assert (facts.retention_ms, facts.retention_bytes, facts.max_message_bytes) == (1000, 5_000_000, 50_000)
    assert facts.timestamp_after_max_ms == 7_200_000
    assert facts.message_timestamp_type == "CreateTime"
    assert facts.min_insync_replicas == 1


def test_two_clusters_have_two_ids(clusters: dict[str, Cluster]) -> None:
    assert len({cluster_id(KafkaConnection(c.bootstrap_servers)) for c in clusters.values()}) == len(clusters)


def test_a_missing_topic_is_named(connection: KafkaConnection) -> None:
    with pytest.raises(TopicMissing, match=r"no-such-topic does not exist on 127\.0\.0\.1"):
        inspect(connection, "no-such-topic")


def test_a_topic_is_created_once(connection: KafkaConnection) -> None:
    name = unique("kafka-test")
    assert create_topic(connection, name, 2)
    assert not create_topic(connection, name, 2)
    with pytest.raises(InvalidInput, match=r"retention\.ms"):
        create_topic(connection, unique("kafka-test"), 1, {"retention.ms": "soon"})


def test_a_closed_port_is_unreachable_and_says_so() -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused"):
        inspect(KafkaConnection("127.0.0.1:1"), "t", timeout=1)
    assert time.monotonic() - began < 3


def test_a_silent_port_is_unreachable_within_the_timeout(silent: int) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable):
        inspect(KafkaConnection(f"127.0.0.1:{silent}"), "t", timeout=1)
    assert time.monotonic() - began < 3


def test_tls_towards_a_plaintext_port_is_told_from_silence(connection: KafkaConnection) -> None:
    with pytest.raises(TlsFailed, match="TLS failed"):
        cluster_id(KafkaConnection(connection.bootstrap_servers, Security.TLS), timeout=1)


def test_sasl_towards_a_plaintext_port_fails_without_the_password(
    connection: KafkaConnection, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = KafkaConnection(connection.bootstrap_servers, Security.SASL_PLAIN, False, "alice", "a-top-secret")
    with caplog.at_level(logging.DEBUG), pytest.raises(AuthenticationFailed, match="SASL PLAIN") as caught:
        cluster_id(wrong, timeout=1)
    assert "a-top-secret" not in str(caught.value) + caplog.text


def test_the_clients_lines_are_logged_once_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    client_log = ClientLog(("a-top-secret",))
    with caplog.at_level(logging.INFO, "promotion.kafka.client"):
        for milliseconds in range(5):
            client_log.log(logging.ERROR, "%s [%s] %s", "FAIL", "x", f"a-top-secret\nafter {milliseconds} ms")
    assert [record.getMessage() for record in caplog.records] == ["FAIL [x] *** after 0 ms"]
