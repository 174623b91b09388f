"""Where each delivered record went, kept small: twenty bytes a record."""

from array import array
from collections.abc import Iterator


class Receipts:
    """Three arrays of equal length: `ordinals`, `partitions`, `offsets`, in the order of delivery."""

    def __init__(self) -> None:
        self.ordinals = array("q")
        self.partitions = array("i")
        self.offsets = array("q")

    def add(self, ordinal: int, partition: int, offset: int) -> None:
        """Keep where the record `ordinal` went."""
        self.ordinals.append(ordinal)
        self.partitions.append(partition)
        self.offsets.append(offset)

    def __len__(self) -> int:
        return len(self.ordinals)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield (ordinal, partition, offset)."""
        return zip(self.ordinals, self.partitions, self.offsets, strict=True)
