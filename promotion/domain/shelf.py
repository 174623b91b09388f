"""A mapping that keeps what it has lately met in memory, and the rest in a file without a name.

What a plan has to remember grows with its events, and memory must not: docs/decisions/0028-plans-in-bounded-memory.md.
"""

from __future__ import annotations

import marshal
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, Generic, TypeVar

from promotion.domain.digests import place
from promotion.errors import PromotionError

V = TypeVar("V")

#: Bytes of packed values with _OVERHEAD for each; as objects they are some three times as large.
MOST_BYTES: Final = 4 * 1024 * 1024
#: What a value counts whatever it says: for its key, its place in the dictionary, the objects it is made of.
_OVERHEAD: Final = 300
_BUCKETS: Final = 1 << 16
_HEAD: Final = struct.Struct(">I16s")
_REST, _PLACE = 6, 5
_ENTRY: Final = _REST + _PLACE
_READ_BYTES: Final = 1024  # at once: most values are shorter


class Shelf(Generic[V]):
    """Values by 16-byte digests. What it returns may be changed until it is asked again, if `changed` was told.

    `pack` makes plain values of one (what `marshal` takes), `unpack` makes it of them again. More than `most` bytes
    of values are not held: they then go to a file, and 11 bytes of each stay in memory. Methods raise PromotionError
    where the file cannot be written.
    """

    def __init__(self, pack: Callable[[V], Any], unpack: Callable[[Any], V], most: int = MOST_BYTES) -> None:
        self._pack, self._unpack, self._most = pack, unpack, most
        self._held: dict[bytes, V] = {}
        self._changed: set[bytes] = set()
        self._weight = 0
        self._log: _Log | None = None

    def get(self, key: bytes) -> V | None:
        """Return the value, None where there is none."""
        found = self._held.get(key)
        if found is not None or self._log is None:
            return found
        packed = self._log.read(key)
        if packed is None:
            return None
        self._make_room(len(packed))
        found = self._held[key] = self._unpack(marshal.loads(packed))  # noqa: S302  # this process wrote it
        return found

    def put(self, key: bytes, value: V, size: int = 0) -> None:
        """Keep a value, in place of another one; `size` is what it may take in bytes when it is packed."""
        self._make_room(size)
        self._held[key] = value
        self._changed.add(key)

    def changed(self, key: bytes, size: int = 0) -> None:
        """Say that the value, which was returned last, is changed from now on; `size` is what it grows by."""
        self._weight += size
        self._changed.add(key)

    def values(self) -> Iterator[V]:
        """Yield all values, each once, in no order. Nothing may be put meanwhile."""
        yield from self._held.values()
        for key, packed in self._log.entries() if self._log is not None else ():
            if key not in self._held:
                yield self._unpack(marshal.loads(packed))  # noqa: S302

    def _make_room(self, size: int) -> None:
        if self._weight > self._most:
            if self._log is None:
                self._log = _Log()
            self._log.write((key, marshal.dumps(self._pack(self._held[key]))) for key in self._changed)
            self._held.clear()
            self._changed.clear()
            self._weight = 0
        self._weight += size + _OVERHEAD


class _Log:
    """A file to which values are only added. The last one of a key counts, and memory has where it stands.

    An entry in memory is six bytes of the key behind those of its bucket, and five of the place. Two keys may agree in
    that; the file has the whole key.
    """

    def __init__(self) -> None:
        try:
            self._file: BinaryIO = tempfile.TemporaryFile(prefix="promotion-plan-", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _no_room(error) from error
        self._end = 0
        self._buckets: list[bytearray | None] = [None] * _BUCKETS

    def read(self, key: bytes) -> bytes | None:
        """Return the last value of `key`, None where there is none."""
        found = self._find(key)
        return None if found is None else found[2]

    def write(self, values: Iterator[tuple[bytes, bytes]]) -> None:
        """Add values by their keys."""
        parts: list[bytes] = []
        begun = end = self._end
        places: list[tuple[bytes, int]] = []
        for key, packed in values:
            places.append((key, end))
            parts += (_HEAD.pack(len(packed), key), packed)
            end += _HEAD.size + len(packed)
        self._append(b"".join(parts), begun)
        for key, at in places:
            self._note(key, at)
        self._end = end

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and last value of each."""
        for bucket in self._buckets:
            for at in range(_REST, len(bucket or b""), _ENTRY):
                assert bucket is not None
                yield self._entry(int.from_bytes(bucket[at : at + _PLACE]))

    def _append(self, data: bytes, at: int) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                view, at = view[written:], at + written
        except OSError as error:
            raise _no_room(error) from error

    def _note(self, key: bytes, where: int) -> None:
        data, found = where.to_bytes(_PLACE), self._find(key)
        if found is not None:
            bucket, at, _ = found
            bucket[at + _REST : at + _ENTRY] = data
            return
        number = _number(key)
        known = self._buckets[number]
        if known is None:
            known = self._buckets[number] = bytearray()
        known += key[2 : 2 + _REST] + data

    def _find(self, key: bytes) -> tuple[bytearray, int, bytes] | None:
        """The bucket of `key`, where in it the entry stands, and the value."""
        bucket, rest = self._buckets[_number(key)], key[2 : 2 + _REST]
        if bucket is None:
            return None
        at = place(bucket, rest, _ENTRY)
        while at >= 0:
            there, packed = self._entry(int.from_bytes(bucket[at + _REST : at + _ENTRY]))
            if there == key:
                return bucket, at, packed
            at = place(bucket, rest, _ENTRY, at + 1)
        return None

    def _entry(self, at: int) -> tuple[bytes, bytes]:
        """Key and value of the entry at `at` in the file."""
        data = os.pread(self._file.fileno(), _READ_BYTES, at)
        size, key = _HEAD.unpack_from(data)
        end = _HEAD.size + size
        if len(data) < end:
            data += os.pread(self._file.fileno(), end - len(data), at + len(data))
        return key, data[_HEAD.size : end]


def _no_room(error: OSError) -> PromotionError:
    return PromotionError(
        f"The worker cannot write to its directory for temporary files: {error.strerror}.",
        "A plan of many events needs room there, about a kilobyte for each; TMPDIR says where it is.",
    )


def _number(key: bytes) -> int:
    return key[0] << 8 | key[1]
