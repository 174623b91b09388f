"""How long a replay's Kafka transaction may stay open."""

from __future__ import annotations

SHORTEST_MS = 60_000  # Kafka's own default
LONGEST_MS = 900_000  # what brokers allow by default (transaction.max.timeout.ms)
RECORDS_PER_SECOND = 5_000  # a slow target; see docs/decisions/0009-replay.md for what was measured
BYTES_PER_SECOND = 2_000_000
_RESERVE = 4


def estimate_seconds(records: int, size: int = 0) -> float:
    """Return how long the transaction of so many records, `size` bytes together, may take at a slow target."""
    return max(records / RECORDS_PER_SECOND, size / BYTES_PER_SECOND)


def transaction_timeout_ms(records: int, size: int = 0, most_ms: int | None = None) -> int:
    """Return the time-out of the transaction: four times the estimate, within Kafka's default and its usual limit.

    `most_ms` is what the target's brokers allow, where that is known. It only decides how long the target's readers
    wait if the whole console dies: a dead worker's transaction is fenced within seconds by the sweep, and at once by
    whoever takes over.
    """
    longest = LONGEST_MS if most_ms is None else most_ms
    return int(min(longest, max(SHORTEST_MS, _RESERVE * estimate_seconds(records, size) * 1000)))


def too_long(records: int, size: int, most_ms: int | None = None) -> str:
    """Return why so many records are too much for one transaction, with the numbers; empty where they are not.

    The line is half the longest time-out: beyond it a slow broker could end the transaction before it commits.
    """
    estimate, timeout = estimate_seconds(records, size), transaction_timeout_ms(records, size, most_ms) / 1000
    if estimate <= timeout / 2:
        return ""
    return (
        f"One transaction of {records:,} records and {size:,} bytes may take {estimate:,.0f} s, more than half of the "
        f"longest time-out ({timeout:,.0f} s). Choose batches, or promote less at once."
    )
