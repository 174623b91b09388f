"""Millions of digests in little more than their own bytes: a Python set takes a hundred for each."""

from __future__ import annotations

from collections.abc import Iterable

_BUCKETS = 1 << 16


class Digests:
    """A set of 16-byte digests that only grows: 16 bytes for each of millions, and four megabytes.

    With a smaller `width` a digest counts by so many of its first bytes, at least three: it takes less, and `in` may
    say yes of another digest. That does for leaving out what nobody asks for, where what is left is kept by the whole.
    """

    def __init__(self, digests: Iterable[bytes] = (), width: int = 16) -> None:
        self._buckets: list[bytearray | None] = [None] * _BUCKETS  # by the first two bytes, one rest after the other
        self._width = width
        for each in digests:
            self.add(each)

    def add(self, digest: bytes) -> None:
        """Take one of 16 bytes, once."""
        number, rest = digest[0] << 8 | digest[1], digest[2 : self._width]
        bucket = self._buckets[number]
        if bucket is None:
            self._buckets[number] = bytearray(rest)
        elif place(bucket, rest, self._width - 2) < 0:
            bucket += rest

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, bytes):
            return False
        bucket = self._buckets[digest[0] << 8 | digest[1]]
        return bucket is not None and place(bucket, digest[2 : self._width], self._width - 2) >= 0


def place(bucket: bytearray, rest: bytes, size: int, begin: int = 0) -> int:
    """Return where the next entry of `size` bytes that begins with `rest` stands, from `begin` on; -1 for none."""
    at = bucket.find(rest, begin)
    while at >= 0 and at % size:  # across two entries
        at = bucket.find(rest, at + 1)
    return at
