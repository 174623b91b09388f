"""A chunk of what an export has read: small enough to be written at once, large enough to be written rarely."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What became of a record: disposition, type name (empty where none was known).
Outcome = tuple[str, str]

# One transaction costs some milliseconds; 50,000 records a second at least are read in that time.
RECORDS = 20_000
BYTES = 8 * 1024 * 1024
SECONDS = 1.0


@dataclass
class Chunk:
    """`counts` has a number for each partition and outcome, `rows` the events to keep (see export_write.EVENTS).

    `positions` is the next offset by partition, `truncated` the first offset missed and the first one there. `bytes`
    are those to write, `read_bytes` those of all values that were read.
    """

    counts: Counter[tuple[int, Outcome]] = field(default_factory=Counter)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=dict)
    truncated: dict[int, tuple[int, int]] = field(default_factory=dict)
    records: int = 0
    bytes: int = 0
    read_bytes: int = 0
    began: float = field(default_factory=time.monotonic)

    def move(self, positions: Mapping[int, int], truncated: Mapping[int, tuple[int, int]]) -> None:
        """Note how far a batch has come and what it missed."""
        self.positions.update(positions)
        for partition, (missed, there) in truncated.items():
            there = min(there, positions.get(partition, there))  # nothing is missed behind the pinned end
            first, last = self.truncated.get(partition, (missed, there))
            self.truncated[partition] = (min(first, missed), max(last, there))

    @property
    def due(self) -> bool:
        """Whether it is time to write it."""
        return self.records >= RECORDS or self.bytes >= BYTES or time.monotonic() - self.began >= SECONDS
