"""How far a reading of a topic is: by partition, in offsets and in bytes, told to its listener as it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from promotion.actions.lease import Positions
from promotion.kafka.reader import Batch

#: How often people hear of it: each time is a write, which waits for the disk.
TELL_SECONDS = 0.25


class Now:
    """Says when it is time to tell again how far something is: at first, then every TELL_SECONDS."""

    def __init__(self) -> None:
        self._next = 0.0

    def due(self) -> bool:
        """Return whether it is time; whoever asks tells it then."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + TELL_SECONDS
        return True


class Listener(Protocol):
    """Who is told: a lease, or whoever does a part of what it holds."""

    def check(self) -> None:
        """Raise where the reading is to stop. Cheap: asked with each batch."""

    def progress(
        self,
        done: int,
        total: int | None = None,
        phase: str | None = None,
        *,
        octets: int | None = None,
        positions: Positions | None = None,
    ) -> None:
        """Take note of it. Raises where the reading is to stop."""


class Headway:
    """Counts a reading from `starts` to `ends`. `done` is in offsets: gaps that compaction left count as read."""

    def __init__(self, lease: Listener, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        self.octets = 0
        self._lease, self._starts, self._ends = lease, dict(starts), dict(ends)
        self._at = dict(starts)
        self._now = Now()
        self.total = sum(self._ends[partition] - start for partition, start in self._starts.items())

    @property
    def done(self) -> int:
        """How many offsets are behind it."""
        return sum(self._at.values()) - sum(self._starts.values())

    def begin(self, phase: str) -> None:
        """Say that the reading begins. Raises like `Lease.check`."""
        self._lease.progress(0, self.total, phase, positions=self._positions())

    def take(self, batch: Batch) -> None:
        """Take a batch, and say how far it is where that was not just said. Raises like `Lease.check`."""
        self.octets += sum(map(len, batch.raw))  # of a record, its value's bytes: counted in the client, not here
        self._at.update(batch.positions)
        self._lease.check()
        if batch.done or (batch.raw and self._now.due()):
            self._lease.progress(self.done, octets=self.octets, positions=self._positions())

    def _positions(self) -> dict[int, list[int]]:
        return {p: [start, self._at[p], self._ends[p]] for p, start in self._starts.items()}
