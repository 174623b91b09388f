"""How long a replay's Kafka transaction may stay open."""

SHORTEST_MS = 60_000  # Kafka's own default
LONGEST_MS = 900_000  # what brokers allow by default (transaction.max.timeout.ms)
RECORDS_PER_SECOND = 5_000  # a slow target; see docs/decisions/0009-replay.md for what was measured
_RESERVE = 4


def estimate_seconds(records: int) -> float:
    """Return how long the transaction of so many records may take at a slow target."""
    return records / RECORDS_PER_SECOND


def transaction_timeout_ms(records: int) -> int:
    """Return the time-out of the transaction: four times the estimate, within Kafka's default and its usual limit.

    It only decides how long the target's readers wait if the whole console dies: a dead worker's transaction is
    fenced within seconds by the sweep, and at once by whoever takes over.
    """
    return int(min(LONGEST_MS, max(SHORTEST_MS, _RESERVE * estimate_seconds(records) * 1000)))
