import pytest

from promotion.domain.connection import KafkaConnection
from promotion.kafka.partitioner import partition_for
from promotion.kafka.producer import PlainRecord, produce_all
from tests.kafka.conftest import NewTopic, everything

# Hashes from Kafka's own UtilsTest.testMurmur2.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "murmur2"), JAVA.items())
def test_the_partition_is_the_one_of_javas_default_partitioner(key: bytes, murmur2: int) -> None:
    for partitions in (1, 3, 12, 1000):
        assert partition_for(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_keys_are_produced_to_the_partition_that_was_foretold(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic = new_topic(7)
    keys = [f"01964b05-552a-7c4b-9184-6857e7f3{n:04d}".encode() for n in range(300)] + [b"", b"\xff\x00"]
    assert produce_all(connection, topic, (PlainRecord(key, b"v") for key in keys)) == len(keys)
    found = everything(connection, topic)
    assert sorted(record.key or b"" for record in found) == sorted(keys)
    assert all(record.partition == partition_for(record.key or b"", 7) for record in found)


def test_no_partitions_are_refused() -> None:
    with pytest.raises(ValueError, match="partition"):
        partition_for(b"a", 0)
