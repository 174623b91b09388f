"""What a target topic would refuse, or take and then delete: found out before the first record is produced.

Kafka acknowledges a record that retention deletes seconds later, and one record over a limit aborts the whole
transaction, so the topic's settings are compared with every outgoing record first.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeGuard

from promotion.domain.record import Header

_BATCH_OVERHEAD = 61  # of a record batch of version 2, which is what max.message.bytes measures
_UNBOUNDED = 2**63 - 1
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TargetLimits:
    """A topic's settings: milliseconds and bytes; None and -1 mean no limit.

    With `append_time` the broker replaces every timestamp, so that no limit on timestamps applies.
    """

    retention_ms: int | None = None
    retention_bytes: int | None = None
    before_max_ms: int | None = None
    after_max_ms: int | None = None
    max_message_bytes: int | None = None
    append_time: bool = False


def batch_bytes(key: bytes, value_bytes: int, headers: int) -> int:
    """Return the size of a batch that holds this one record, uncompressed: what a broker compares with its limit.

    `headers` is their size (`headers_bytes`). Source: Kafka's message format 2 (RecordBatch and Record).
    """
    size = 3 + _sized(len(key)) + _sized(value_bytes) + headers
    return _BATCH_OVERHEAD + _varint(size) + size


def headers_bytes(headers: Sequence[Header]) -> int:
    """Return what headers take of a record, their number included. Source: as for `batch_bytes`."""
    size = _varint(len(headers))
    for name, value in headers:
        length = len(name) if name.isascii() else len(name.encode())
        size += length + (1 if length < 64 else _varint(length))
        length = 0 if value is None else len(value)  # no value is the length -1, which takes one byte too
        size += length + (1 if length < 64 else _varint(length))
    return size


@dataclass
class _Finding:
    """Records beyond one limit: how many, and the one furthest beyond it with its source position."""

    count: int = 0
    extreme: int = 0
    partition: int = 0
    offset: int = 0

    def add(self, beyond: int, partition: int, offset: int) -> None:
        if not self.count or beyond > self.extreme:
            self.extreme, self.partition, self.offset = beyond, partition, offset
        self.count += 1


@dataclass
class LimitCheck:
    """Compares outgoing records with `limits`, seen at `now_ms` (milliseconds since the epoch)."""

    limits: TargetLimits
    now_ms: int
    _old: _Finding = field(default_factory=_Finding)
    _early: _Finding = field(default_factory=_Finding)
    _late: _Finding = field(default_factory=_Finding)
    _large: _Finding = field(default_factory=_Finding)
    _bytes: Counter[int] = field(default_factory=Counter)

    def add(self, target_partition: int, timestamp: int, size: int, partition: int, offset: int) -> None:
        """Take a record of `size` bytes (`batch_bytes`); `partition` and `offset` are where it stood in the source."""
        limits = self.limits
        self._bytes[target_partition] += size
        if _bounded(limits.max_message_bytes) and size > limits.max_message_bytes:
            self._large.add(size, partition, offset)
        if limits.append_time:
            return
        age = self.now_ms - timestamp
        if _bounded(limits.retention_ms) and age > limits.retention_ms:
            self._old.add(age, partition, offset)
        if _bounded(limits.before_max_ms) and age > limits.before_max_ms:
            self._early.add(age, partition, offset)
        if _bounded(limits.after_max_ms) and -age > limits.after_max_ms:
            self._late.add(-age, partition, offset)

    def problems(self) -> list[str]:
        """Return one sentence with numbers, and what to do, for each limit that a record is beyond."""
        limits, found = self.limits, []
        if self._old.count:
            found.append(
                f"{self._old.count:,} records are older than the target keeps (retention.ms={limits.retention_ms}, "
                f"{_days(limits.retention_ms)}); the oldest, {_at(self._old)}, is of "
                f"{self._date(-self._old.extreme)}. Kafka would acknowledge and then delete them: raise retention.ms "
                "of the target's topic (-1 keeps everything), or exclude them."
            )
        if self._early.count:
            found.append(
                f"{self._early.count:,} records are older than the target takes (message.timestamp.before.max.ms="
                f"{limits.before_max_ms}, {_days(limits.before_max_ms)}); the oldest, {_at(self._early)}, is of "
                f"{self._date(-self._early.extreme)}. Raise that setting, or exclude them."
            )
        if self._late.count:
            found.append(
                f"{self._late.count:,} records have timestamps further in the future than the target takes "
                f"(message.timestamp.after.max.ms={limits.after_max_ms}); the latest, {_at(self._late)}, is of "
                f"{self._date(self._late.extreme)}. Raise that setting, wait, or exclude them."
            )
        if self._large.count:
            found.append(
                f"{self._large.count:,} records are larger than the target takes (max.message.bytes="
                f"{limits.max_message_bytes:,}); the largest, {_at(self._large)}, has {self._large.extreme:,} bytes. "
                "Raise that setting of the target's topic, make them smaller, or exclude them."
            )
        return found + self._overflowing()

    def _overflowing(self) -> list[str]:
        limit = self.limits.retention_bytes
        if not _bounded(limit):
            return []
        return [
            f"Partition {partition} of the target would get {size:,} bytes and keeps {limit:,} (retention.bytes): the "
            "oldest records would be deleted. Raise retention.bytes of the target's topic (-1 keeps everything)."
            for partition, size in sorted(self._bytes.items())
            if size > limit
        ]

    def _date(self, after_now: int) -> str:
        seconds = (self.now_ms + after_now) / 1000
        try:
            return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
        except (OverflowError, ValueError, OSError):
            return f"{seconds:.0f} s since 1970"


def _bounded(limit: int | None) -> TypeGuard[int]:
    return limit is not None and 0 <= limit < _UNBOUNDED


def _at(finding: _Finding) -> str:
    return f"source {finding.partition}:{finding.offset}"


def _days(milliseconds: int | None) -> str:
    return f"{(milliseconds or 0) / _DAY_MS:,.3g} days"


def _sized(length: int) -> int:
    return _varint(length) + length


def _varint(number: int) -> int:
    """Bytes of `number`, zero or more, as a zigzag varint; nearly all lengths take one or two."""
    if number < 8_192:
        return 1 if number < 64 else 2
    return ((number << 1).bit_length() + 6) // 7
