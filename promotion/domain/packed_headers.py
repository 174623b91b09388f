"""A record's headers as one segment of bytes: what digests are taken of, and what a plan keeps of each of its steps.

Of each header the name's length, `;` and the name, then the same of its value, `-;` for none. A plan's records bear
thirteen headers or more, nearly all of the same names and lengths: a layout that was met before is filled in, or taken
apart, in one go instead of part by part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from struct import Struct
from typing import NamedTuple

from promotion.domain.record import Header, Headers, unpack_headers
from promotion.domain.target_limits import headers_bytes

#: Whoever writes to a target may write headers of any layout: no more are kept, and none of more bytes.
MOST_LAYOUTS = 500
LARGEST_LAYOUT = 4_096
#: What older versions kept of a step is JSON (`record.pack_headers`); a segment begins with a digit.
_JSON = b"["


class Packed(NamedTuple):
    """Headers as one segment: how many, the segment itself, and the bytes that they take in a Kafka record."""

    number: int
    data: bytes
    octets: int


class HeaderPacker:
    """Packs headers and unpacks them, and remembers layouts: for many records of one plan or topic."""

    def __init__(self) -> None:
        self._by_lengths: dict[tuple[int, ...], list[_Layout]] = {}
        self._by_size: dict[int, list[_Layout]] = {}
        self._kept = 0

    def pack(self, headers: Sequence[Header]) -> Packed:
        """Return `headers` as one segment."""
        if not headers:
            return _NOTHING
        names, values = zip(*headers, strict=True)
        try:
            lengths = tuple(map(len, values))
        except TypeError:  # a value is None
            return packed(headers)
        for layout in self._by_lengths.get(lengths, ()):
            if layout.names == names:
                return Packed(len(names), layout.template % values, layout.octets)
        made = packed(headers)
        self._keep(names, lengths, made)
        return made

    def unpack(self, data: bytes) -> Headers:
        """Return the headers of a segment, or of what older versions stored. ValueError where `data` is neither."""
        for layout in self._by_size.get(len(data), ()):
            parts = layout.split(data)
            if parts[::2] == layout.between:
                return tuple(zip(layout.names, parts[1::2], strict=True))
        if data[:1] == _JSON:
            return unpack_headers(data.decode())
        headers = tuple(_unpacked(data))
        self.pack(headers)  # remembers the layout
        return headers

    def _keep(self, names: tuple[str, ...], lengths: tuple[int, ...], made: Packed) -> None:
        if self._kept < MOST_LAYOUTS and len(made.data) <= LARGEST_LAYOUT:
            self._kept += 1
            layout = _Layout(names, lengths, made.octets)
            self._by_lengths.setdefault(lengths, []).append(layout)
            self._by_size.setdefault(len(made.data), []).append(layout)


class _Layout:
    """Headers of the same names, in the same order, whose values have the same lengths: what they say may differ.

    `between` stands before each value: the name with its length, and the value's length.
    """

    __slots__ = ("between", "names", "octets", "split", "template")

    def __init__(self, names: tuple[str, ...], lengths: tuple[int, ...], octets: int) -> None:
        self.names, self.octets = names, octets
        pairs = list(zip(map(str.encode, names), lengths, strict=True))
        self.between = tuple(b"%d;%b%d;" % (len(name), name, length) for name, length in pairs)
        self.template = b"".join(each.replace(b"%", b"%%") + b"%b" for each in self.between)
        sizes = zip(map(len, self.between), lengths, strict=True)
        self.split = Struct("".join(f"{size}s" for size in chain.from_iterable(sizes))).unpack


def packed(headers: Sequence[Header]) -> Packed:
    """Return the headers of one record alone as one segment."""
    return Packed(len(headers), b"".join(map(_part, headers)), headers_bytes(headers))


def _part(header: Header) -> bytes:
    name, value = header[0].encode(), header[1]
    return b"%d;%b-;" % (len(name), name) if value is None else b"%d;%b%d;%b" % (len(name), name, len(value), value)


def _unpacked(data: bytes) -> Iterator[Header]:
    at = 0
    while at < len(data):
        name, at = _next(data, at)
        value, at = _next(data, at)
        if name is None:
            raise ValueError("A header without a name.")
        yield name.decode(), value


def _next(data: bytes, at: int) -> tuple[bytes | None, int]:
    """The part that begins at `at`, and where the next one begins."""
    end = data.index(b";", at)
    if data[at:end] == b"-":
        return None, end + 1
    stop = end + 1 + int(data[at:end])
    if not end < stop <= len(data):
        raise ValueError("A header is longer than what is left.")
    return data[end + 1 : stop], stop


_NOTHING = packed(())
