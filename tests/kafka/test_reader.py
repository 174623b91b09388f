import time
from collections.abc import Callable
from operator import attrgetter

import pytest
from confluent_kafka.admin import AdminClient

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import OutgoingRecord
from promotion.errors import Incomplete
from promotion.kafka import reader as reader_module
from promotion.kafka.cluster import create_topic
from promotion.kafka.failures import TopicMissing
from promotion.kafka.producer import PlainRecord, produce_all
from promotion.kafka.reader import Batch, open_reader
from promotion.kafka.writer import TransactionalWriter
from tests.kafka.conftest import NewTopic, delete_records, everything
from tests.services import unique

NOW = int(time.time() * 1000)


def transaction(connection: KafkaConnection, topic: str, values: list[bytes], end: str) -> TransactionalWriter:
    """Write `values` in a transaction and "commit", "abort" or leave it "open"; the caller closes the writer."""
    writer = TransactionalWriter(connection, topic, unique("test"), 1).open()
    writer.begin()
    for ordinal, value in enumerate(values):
        writer.produce(ordinal, OutgoingRecord(0, NOW, b"k", value))
    writer.flush()
    if end == "commit":
        writer.commit(len(values), {})
    elif end == "abort":
        writer.abort()
    return writer


def read_all(connection: KafkaConnection, topic: str, starts: dict[int, int] | None = None) -> list[Batch]:
    with open_reader(connection, topic) as reader:
        pins = reader.pin()
        ends = {p.partition: p.end for p in pins}
        return list(reader.read(starts or {p.partition: p.low for p in pins}, ends))


def test_an_open_transaction_is_held_back_and_an_aborted_one_before_it_does_not_hang(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic()
    transaction(connection, topic, [b"a", b"b"], "commit").close()
    transaction(connection, topic, [b"lost"] * 3, "abort").close()
    still_open = transaction(connection, topic, [b"later"] * 4, "open")
    produce_all(connection, topic, [PlainRecord(b"k", b"behind it")])
    with open_reader(connection, topic) as reader:
        [pin] = reader.pin()
        assert (pin.low, pin.end, pin.high, pin.held_back) == (0, 7, 12, 5)
        batches = list(reader.read({0: 0}, {0: pin.end}))
    assert [record.value for batch in batches for record in batch.records] == [b"a", b"b"]
    assert batches[-1].positions == {0: 7}
    assert [p for batch in batches for p in batch.done] == [0]
    with open_reader(connection, topic, read_committed=False) as reader:
        [pin] = reader.pin()
        assert (pin.end, pin.held_back) == (12, 0)
    still_open.close()


def test_control_records_at_the_pinned_end_do_not_hang_when_more_follows(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic()
    transaction(connection, topic, [b"a"], "commit").close()
    transaction(connection, topic, [b"lost"], "abort").close()
    with open_reader(connection, topic) as reader:
        [pin] = reader.pin()
        produce_all(connection, topic, [PlainRecord(b"k", b"too late")] * 3)
        batches = list(reader.read({0: 0}, {0: pin.end}))
    assert [record.value for batch in batches for record in batch.records] == [b"a"]
    assert batches[-1].positions == {0: 4}


def test_every_part_of_a_record_is_kept(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic(2)
    headers = (("h", b"1"), ("h", None), ("", b"\x00\xff"))
    produce_all(
        connection,
        topic,
        [
            PlainRecord(b"\x00\xff", b"value", NOW - 1000, headers, 1),
            PlainRecord(None, None, NOW, (), 1),
            PlainRecord(b"", b"", NOW, (), 1),
        ],
    )
    full, tombstone, empty = everything(connection, topic)
    assert (full.topic, full.partition, full.offset, full.timestamp) == (topic, 1, 0, NOW - 1000)
    assert (full.key, full.value, full.headers) == (b"\x00\xff", b"value", headers)
    assert (tombstone.key, tombstone.value, tombstone.headers) == (None, None, ())
    assert (empty.key, empty.value) == (b"", b"")


def test_a_read_goes_on_at_any_position_without_loss_or_repetition(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic(3)
    produce_all(connection, topic, (PlainRecord(b"k", str(n).encode(), partition=n % 3) for n in range(300)))
    with open_reader(connection, topic) as reader:
        ends = {p.partition: p.end for p in reader.pin()}
        positions, seen = dict.fromkeys(ends, 0), []
        while any(positions[p] < ends[p] for p in ends):
            batch = next(batch for batch in reader.read(positions, ends, batch=40) if batch.raw)
            seen += [record.value for record in batch.records]
            positions |= batch.positions
    assert sorted(seen) == sorted(str(n).encode() for n in range(300))


def test_one_reader_reads_the_same_partitions_again(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic(partitions=2)
    produce_all(connection, topic, [PlainRecord(b"%d" % n, b"%d" % n) for n in range(20)])
    with open_reader(connection, topic) as reader:
        pins = reader.pin()
        starts, ends = {p.partition: p.low for p in pins}, {p.partition: p.end for p in pins}
        first, again = ([record for batch in reader.read(starts, ends) for record in batch.records] for _ in range(2))
        one = [record for batch in reader.read({0: 0}, {0: ends[0]}) for record in batch.records]
    order = attrgetter("partition", "offset")
    assert len(first) == 20
    assert sorted(again, key=order) == sorted(first, key=order)
    assert one == [record for record in sorted(first, key=order) if record.partition == 0]


def test_an_empty_range_is_done_at_once(connection: KafkaConnection, new_topic: NewTopic) -> None:
    batches = read_all(connection, new_topic(2))
    assert [(set(b.done), b.records) for b in batches] == [({0, 1}, [])]


def test_records_deleted_before_the_start_are_reported_and_the_rest_is_read(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic()
    produce_all(connection, topic, (PlainRecord(b"k", b"v") for _ in range(10)))
    delete_records(connection, topic, 4)
    batches = read_all(connection, topic, {0: 1})
    assert [dict(b.truncated) for b in batches if b.truncated] == [{0: (1, 4)}]
    assert [record.offset for b in batches for record in b.records] == [4, 5, 6, 7, 8, 9]


def test_records_deleted_while_reading_are_reported_and_the_rest_is_read(
    connection: KafkaConnection, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        "queued.min.messages": 1,
        "queued.max.messages.kbytes": 20,
        "fetch.message.max.bytes": 20_000,
        "fetch.queue.backoff.ms": 10,
    }
    monkeypatch.setattr(reader_module, "FETCH", small)
    topic = new_topic()
    produce_all(connection, topic, (PlainRecord(b"k", b"v" * 10_000) for _ in range(400)))
    offsets, truncated = [], {}
    with open_reader(connection, topic) as reader:
        for batch in reader.read({0: 0}, {0: 400}, batch=2):
            if not offsets:
                delete_records(connection, topic, 350)
            offsets += [record.offset for record in batch.records]
            truncated |= batch.truncated
    [(expected, low)] = truncated.values()
    assert low == 350
    assert offsets == [*range(expected), *range(350, 400)]


def test_a_partition_whose_records_are_all_deleted_is_done_and_reported(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic()
    produce_all(connection, topic, (PlainRecord(b"k", b"v") for _ in range(10)))
    with open_reader(connection, topic) as reader:
        [pin] = reader.pin()
        delete_records(connection, topic, 10)
        batches = list(reader.read({0: 0}, {0: pin.end}))
    assert [(dict(b.truncated), set(b.done), dict(b.positions)) for b in batches] == [({0: (0, 10)}, {0}, {0: 10})]


def test_deletion_after_the_lows_were_asked_is_still_seen(
    connection: KafkaConnection, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic()
    produce_all(connection, topic, (PlainRecord(b"k", b"v") for _ in range(10)))
    with open_reader(connection, topic) as reader:
        assign: Callable[..., None] = reader._assign

        def late(run: object) -> None:
            monkeypatch.setattr(reader, "_assign", assign)
            delete_records(connection, topic, 6)
            assign(run)

        monkeypatch.setattr(reader, "_assign", late)
        batches = list(reader.read({0: 0}, {0: 10}))
    assert [dict(b.truncated) for b in batches if b.truncated] == [{0: (0, 6)}]
    assert [record.offset for b in batches for record in b.records] == [6, 7, 8, 9]


def test_the_gap_of_an_aborted_transaction_is_no_truncation(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic()
    transaction(connection, topic, [b"a"], "commit").close()
    transaction(connection, topic, [b"lost"] * 50, "abort").close()
    transaction(connection, topic, [b"b"], "commit").close()
    batches = read_all(connection, topic)
    assert [record.offset for b in batches for record in b.records] == [0, 53]
    assert not any(b.truncated for b in batches)


def test_a_compacted_topic_has_gaps_that_are_no_truncation(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic(
        cleanup_policy="compact", min_cleanable_dirty_ratio="0.001", segment_bytes="1048576", delete_retention_ms="0"
    )
    values = [b"old", None, b"new"]
    for value in values:
        padding = [PlainRecord(b"padding", b"x" * 200_000)] * 6
        produce_all(connection, topic, [PlainRecord(b"k", value), *padding])
    offsets, truncated = list(range(21)), False
    while len(offsets) > 14:  # until the broker's cleaner came by
        batches = read_all(connection, topic)
        offsets = [record.offset for b in batches for record in b.records]
        truncated = truncated or any(b.truncated for b in batches)
    assert offsets[0] > 0
    assert offsets[-1] == 20
    assert not truncated


def test_a_topic_that_was_made_anew_is_not_taken_for_the_pinned_one(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic = new_topic()
    produce_all(connection, topic, (PlainRecord(b"k", b"v") for _ in range(10)))
    admin = AdminClient({"bootstrap.servers": connection.bootstrap_servers})
    admin.delete_topics([topic])[topic].result(10)
    while topic in admin.list_topics(timeout=5).topics:
        pass
    create_topic(connection, topic, 1)
    produce_all(connection, topic, (PlainRecord(b"k", b"new") for _ in range(3)))
    with open_reader(connection, topic) as reader:
        with pytest.raises(Incomplete, match="pinned end 10"):
            list(reader.read({0: 0}, {0: 10}))
        with pytest.raises(Incomplete):
            list(reader.read({0: 5}, {0: 10}))


def test_a_time_becomes_an_offset_of_each_partition(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic(2)
    produce_all(connection, topic, (PlainRecord(b"k", b"v", NOW - 10_000 + n * 1000, (), 0) for n in range(5)))
    with open_reader(connection, topic) as reader:
        assert reader.start_offsets_for(NOW - 8000) == {0: 2, 1: 0}
        assert reader.start_offsets_for(NOW + 60_000) == {0: 5, 1: 0}


def test_large_records_come_in_smaller_batches(
    connection: KafkaConnection, new_topic: NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "BATCH_BYTES", 100_000)
    topic = new_topic()
    produce_all(connection, topic, (PlainRecord(b"k", b"v" * 10_000) for _ in range(300)))
    sizes = [len(b.raw) for b in read_all(connection, topic)]
    assert sum(sizes) == 300
    assert max(sizes[1:]) <= 10


def test_a_missing_topic_is_said_when_the_reader_is_opened(connection: KafkaConnection) -> None:
    with pytest.raises(TopicMissing, match="no-such-topic"):
        open_reader(connection, "no-such-topic")
