"""Where a record goes: the partition that Java's producers choose, so that a key's events keep their order."""

from confluent_kafka import murmur2


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition (0 to `partitions` - 1) that Java's default partitioner gives to `key`.

    An empty key is hashed like any other. Source: Kafka's `BuiltInPartitioner.partitionForKey`, which is
    `toPositive(murmur2(key)) % partitions`. Raises ValueError where `partitions` is below 1.
    """
    return murmur2(key, partitions)
