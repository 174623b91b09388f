"""The order in which several source partitions become one sequence.

A partition's own order is what the source's consumers saw, so it is never changed, also where its timestamps go
back. Between partitions time decides: by the highest timestamp so far, which never goes back.
"""

from collections.abc import Iterable, Iterator

MergeKey = tuple[int, int, int]


def running_max(timestamps: Iterable[int]) -> Iterator[int]:
    """Yield, for each timestamp of one partition in offset order, the highest so far (milliseconds; -1 for none)."""
    highest = -1
    for timestamp in timestamps:
        highest = max(highest, timestamp)
        yield highest


def merge_key(highest_timestamp: int, partition: int, offset: int) -> MergeKey:
    """Return what to sort by: highest timestamp so far in the partition, then partition, then offset."""
    return highest_timestamp, partition, offset


class HighestSoFar:
    """The highest timestamp so far of each partition, while records of several are read.

    `known` resumes where an earlier reading ended: partition to highest timestamp.
    """

    def __init__(self, known: dict[int, int] | None = None) -> None:
        self.by_partition = dict(known or {})

    def key(self, partition: int, offset: int, timestamp: int) -> MergeKey:
        """Take the next record of `partition`, in offset order, and return its merge key."""
        highest = max(self.by_partition.get(partition, -1), timestamp)
        self.by_partition[partition] = highest
        return merge_key(highest, partition, offset)
