"""How much memory a worker needs at most, while it works: read in /proc."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


def descendants(pid: int) -> Iterator[int]:
    """The processes that `pid` and its threads have started, and theirs."""
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = thread.read_text().split()
        except OSError:
            continue
        for child in map(int, found):
            yield child
            yield from descendants(child)


def peak(pid: int) -> int:
    """The most bytes that the process ever held in memory (VmHWM); 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


class Watch:
    """Looks at workers again and again. A worker is the process that waits and, for each job, a child that does it.

    The two share pages, and each counts all of its own; so what counts for a worker is the larger one: itself, or its
    child together with everything that the child started. `bytes` is the most that any worker had.
    """

    def __init__(self, workers: Iterable[int]) -> None:
        self._workers = list(workers)
        self._peaks: dict[int, dict[int, int]] = {pid: {} for pid in self._workers}
        self.bytes = 0

    def look(self) -> None:
        for worker in self._workers:
            peaks = self._peaks[worker]
            alive = set(descendants(worker))
            for pid in alive:
                peaks[pid] = max(peaks.get(pid, 0), peak(pid))
            for gone in peaks.keys() - alive:
                del peaks[gone]
            self.bytes = max(self.bytes, peak(worker), sum(peaks.values()))
