import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import OutgoingRecord
from promotion.errors import Cancelled, Incomplete, InvalidInput, PromotionError, Stale, Unreachable
from promotion.kafka import writer as writer_module
from promotion.kafka.failures import Fenced, NotDelivered
from promotion.kafka.marker import Marker
from promotion.kafka.reader import open_reader
from promotion.kafka.receipts import Receipts
from promotion.kafka.writer import TransactionalWriter
from tests.kafka.conftest import NewTopic, everything
from tests.services import unique

NOW = int(time.time() * 1000)


def outgoing(value: bytes = b"v", partition: int = 0, timestamp: int = NOW) -> OutgoingRecord:
    return OutgoingRecord(partition, timestamp, b"k", value)


def committed(connection: KafkaConnection, topic: str, group: str) -> tuple[int, str | None]:
    """The group's committed offset as anybody would read it, an open transaction or not."""
    consumer = Consumer(
        {"bootstrap.servers": connection.bootstrap_servers, "group.id": group, "isolation.level": "read_uncommitted"}
    )
    [found] = consumer.committed([TopicPartition(topic, 0)], 10)
    consumer.close()
    return found.offset, found.metadata


def test_records_and_marker_become_visible_together(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic, name = new_topic(2), unique("promotion")
    headers = (("promotion", b"1"), ("promotion", None))
    with TransactionalWriter(connection, topic, name, 2) as writer:
        assert writer.marker is None
        writer.begin()
        for ordinal in range(6):
            writer.produce(
                ordinal, OutgoingRecord(ordinal % 2, NOW + ordinal, b"\x00k", str(ordinal).encode(), headers)
            )
        writer.flush()
        assert everything(connection, topic) == []
        assert committed(connection, topic, name)[0] < 0
        writer.commit(6, {"digest": "ä" * 10})
        assert writer.marker == Marker(6, {"digest": "ä" * 10})
        receipts = {ordinal: (partition, offset) for ordinal, partition, offset in writer.receipts}
    found = everything(connection, topic)
    assert {int(r.value or b"-1"): (r.partition, r.offset) for r in found} == receipts
    assert {(r.key, r.headers) for r in found} == {(b"\x00k", headers)}
    assert all(r.timestamp == NOW + int(r.value or b"-1") for r in found)
    with TransactionalWriter(connection, topic, name, 2) as later:
        assert later.marker == Marker(6, {"digest": "ä" * 10})


def test_a_zombie_is_fenced_and_the_marker_is_read_after_the_fence(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic, name = new_topic(), unique("promotion")
    zombie = TransactionalWriter(connection, topic, name, 1).open()
    zombie.begin()
    zombie.produce(0, outgoing(b"first"))
    zombie.commit(1, {})
    zombie.begin()
    zombie.produce(1, outgoing(b"from the zombie"))
    zombie.flush()
    with TransactionalWriter(connection, topic, name, 1) as successor:
        assert successor.marker == Marker(1, {})
        with pytest.raises(Fenced):
            zombie.commit(2, {})
        with pytest.raises(Fenced):
            zombie.abort()
        zombie.close()
        successor.begin()
        successor.produce(1, outgoing(b"second"))
        successor.commit(2, {})
    assert [record.value for record in everything(connection, topic)] == [b"first", b"second"]


def test_a_zombie_that_goes_on_producing_is_told_so(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic, name = new_topic(), unique("promotion")
    zombie = TransactionalWriter(connection, topic, name, 1).open()
    zombie.begin()
    zombie.produce(0, outgoing())
    zombie.flush()
    with TransactionalWriter(connection, topic, name, 1):
        zombie.produce(1, outgoing())
        with pytest.raises(Fenced):
            zombie.flush()
    zombie.close()


def test_an_aborted_transaction_leaves_nothing_for_readers_of_committed_records(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic, name = new_topic(), unique("promotion")
    with TransactionalWriter(connection, topic, name, 1) as writer:
        writer.begin()
        writer.produce(0, outgoing())
        writer.flush()
        writer.abort()
        assert len(writer.receipts) == 0
        writer.begin()
        writer.produce(0, outgoing(b"again"))
        writer.commit(1, {})
        assert list(writer.receipts) == [(0, 0, 2)]
    assert [record.value for record in everything(connection, topic)] == [b"again"]


def test_leaving_the_writer_in_a_transaction_aborts_it_at_once(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic()

    def fail() -> None:
        with TransactionalWriter(connection, topic, unique("promotion"), 1) as writer:
            writer.begin()
            writer.produce(0, outgoing())
            writer.flush()
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        fail()
    with open_reader(connection, topic) as reader:
        assert reader.pin()[0].held_back == 0
    assert everything(connection, topic) == []


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (outgoing(b"x" * 60_000), "size"),
        (outgoing(b"x" * 2_000_000), "size"),
        (outgoing(timestamp=NOW + 48 * 3_600_000), "timestamp"),
    ],
)
def test_a_record_that_the_topic_refuses_is_named_and_nothing_is_committed(
    connection: KafkaConnection, new_topic: NewTopic, record: OutgoingRecord, reason: str
) -> None:
    topic, name = new_topic(max_message_bytes="50000", compression_type="uncompressed"), unique("promotion")
    with TransactionalWriter(connection, topic, name, 1) as writer:
        writer.begin()
        writer.produce(7, outgoing())
        writer.flush()

        def go_on() -> None:
            writer.produce(8, record)
            writer.commit(9, {})

        with pytest.raises(NotDelivered, match="record 8 for partition 0") as caught:
            go_on()
        assert reason in str(caught.value)
        assert [(ordinal, partition) for ordinal, partition, _ in caught.value.failures] == [(8, 0)]
        writer.abort()
    assert everything(connection, topic) == []
    assert committed(connection, topic, name)[0] < 0


@pytest.mark.parametrize("record", [outgoing(partition=1), outgoing(partition=-1), outgoing(timestamp=0)])
def test_a_record_without_a_place_or_a_time_is_refused(
    connection: KafkaConnection, new_topic: NewTopic, record: OutgoingRecord
) -> None:
    with TransactionalWriter(connection, new_topic(), unique("promotion"), 1) as writer:
        writer.begin()
        with pytest.raises(InvalidInput, match="Record 3"):
            writer.produce(3, record)


def test_metadata_has_a_limit_and_the_largest_comes_back(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic, name = new_topic(), unique("promotion")
    largest = {"a": "x" * (4_000 - len('{"a":""}'))}
    with TransactionalWriter(connection, topic, name, 1) as writer:
        writer.begin()
        writer.produce(0, outgoing())
        with pytest.raises(InvalidInput, match="4001 bytes"):
            writer.commit(1, {"a": largest["a"] + "x"})
        writer.commit(1, largest)
    with TransactionalWriter(connection, topic, name, 1) as later:
        assert later.marker == Marker(1, largest)


@pytest.mark.parametrize("metadata", ["", "not ours", "[1]"])
def test_an_offset_that_somebody_else_committed_is_not_believed(
    connection: KafkaConnection, new_topic: NewTopic, metadata: str
) -> None:
    topic, name = new_topic(), unique("promotion")
    consumer = Consumer({"bootstrap.servers": connection.bootstrap_servers, "group.id": name})
    consumer.commit(offsets=[TopicPartition(topic, 0, 5, metadata)], asynchronous=False)
    consumer.close()
    with pytest.raises(Incomplete, match="not a marker of ours"):
        TransactionalWriter(connection, topic, name, 1).open()


def test_a_topic_with_other_partitions_than_planned_is_stale(connection: KafkaConnection, new_topic: NewTopic) -> None:
    with pytest.raises(Stale, match="has 3 partitions"):
        TransactionalWriter(connection, new_topic(3), unique("promotion"), 2).open()


def test_a_transaction_timeout_beyond_the_brokers_limit_is_refused(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    with pytest.raises(InvalidInput, match="ransaction timeout"):
        TransactionalWriter(connection, new_topic(), unique("promotion"), 1, 3_600_000).open()


def test_an_unreachable_cluster_is_said_within_the_timeout_and_the_lease_is_kept_meanwhile() -> None:
    beats: list[float] = []
    writer = TransactionalWriter(
        KafkaConnection("127.0.0.1:1"), "t", "n", 1, timeout=2.5, on_wait=lambda: beats.append(time.monotonic())
    )
    began = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused"):
        writer.open()
    assert time.monotonic() - began < 4
    assert len(beats) >= 2


def test_what_the_heartbeat_raises_ends_the_waiting() -> None:
    def stop() -> None:
        raise Cancelled("asked to stop")

    began = time.monotonic()
    with pytest.raises(Cancelled):
        TransactionalWriter(KafkaConnection("127.0.0.1:1"), "t", "n", 1, on_wait=stop).open()
    assert time.monotonic() - began < 2


def test_what_is_raised_inside_a_delivery_report_comes_out_as_itself(
    connection: KafkaConnection, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(self: Receipts, ordinal: int, partition: int, offset: int) -> None:
        raise TimeoutError("the job took too long")

    topic = new_topic()
    with TransactionalWriter(connection, topic, unique("promotion"), 1) as writer:
        writer.begin()
        for ordinal in range(50):
            writer.produce(ordinal, outgoing())
        monkeypatch.setattr(Receipts, "add", late)
        with pytest.raises(TimeoutError, match="took too long"):
            writer.flush()
    assert everything(connection, topic) == []


def test_more_records_than_the_queue_holds_are_all_written(
    connection: KafkaConnection, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "QUEUE", writer_module.QUEUE | {"queue.buffering.max.messages": 10})
    topic = new_topic()
    with TransactionalWriter(connection, topic, unique("promotion"), 1) as writer:
        writer.begin()
        for ordinal in range(300):
            writer.produce(ordinal, outgoing(str(ordinal).encode()))
        writer.commit(300, {})
        assert writer.receipts.ordinals.tolist() == list(range(300))
    assert [record.value for record in everything(connection, topic)] == [str(n).encode() for n in range(300)]


def test_a_request_to_stop_does_not_leave_a_commit_half_way(
    connection: KafkaConnection, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def stop() -> None:
        asked.append(1)
        raise Cancelled("asked to stop")

    topic = new_topic()
    with TransactionalWriter(connection, topic, unique("promotion"), 1) as writer:
        writer.begin()
        writer.produce(0, outgoing())
        writer.flush()
        commit = writer._commit_until_sure

        def slow(producer: object) -> None:
            while not asked:
                time.sleep(0.01)
            commit(producer)  # type: ignore[arg-type]

        monkeypatch.setattr(writer, "_commit_until_sure", slow)
        monkeypatch.setattr(writer, "_on_wait", stop)
        writer._commit()
    assert len(everything(connection, topic)) == 1


def test_a_closed_writer_knows_no_outcome(connection: KafkaConnection, new_topic: NewTopic) -> None:
    writer = TransactionalWriter(connection, new_topic(), unique("promotion"), 1).open()
    writer.close()
    writer.close()
    with pytest.raises(PromotionError, match="closed"):
        writer.begin()
