"""A record's headers as one segment of bytes: what digests are taken of, and what a plan keeps of each of its steps.

Of each header the name's length, `;` and the name, then the same of its value, `-;` for none. A plan's records bear
thirteen headers or more, nearly all of the same names and lengths, and most of the same values: what was met before is
filled in, or taken apart, in one go instead of part by part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from struct import Struct
from typing import NamedTuple

from promotion.domain.record import Header, unpack_headers
from promotion.domain.target_limits import headers_bytes

#: Whoever writes to a topic may write any headers: no more layouts are kept, not more that are looked up together, and
#: none of more bytes.
MOST_KEPT = 500
MOST_ALIKE = 8
LARGEST_KEPT = 4_096
#: What older versions kept of a step is JSON (`record.pack_headers`); a segment begins with a digit.
_JSON = b"["


class Packed(NamedTuple):
    """Headers as one segment: how many, the segment itself, and the bytes that they take in a Kafka record."""

    number: int
    data: bytes
    octets: int


class HeaderPacker:
    """Packs headers, and remembers layouts: for many records of one plan or topic."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, ...], list[_Layout]] = {}
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
        for layout in self._layouts.get(lengths, ()):
            if layout.names == names:
                return Packed(len(names), layout.template % values, layout.octets)
        made = packed(headers)
        if self._kept < MOST_KEPT and len(made.data) <= LARGEST_KEPT:
            alike = self._layouts.setdefault(lengths, [])
            if len(alike) < MOST_ALIKE:
                alike.append(_Layout(headers, made.octets))
                self._kept += 1
        return made


class _Layout:
    """Headers of the same names, in the same order, whose values have the same lengths: only what they say differs."""

    __slots__ = ("names", "octets", "template")

    def __init__(self, headers: Sequence[Header], octets: int) -> None:
        self.names, self.octets = tuple(name for name, _ in headers), octets
        self.template = b"".join(_before(name, value).replace(b"%", b"%%") + b"%b" for name, value in headers)


class HeaderUnpacker:
    """Unpacks segments, and remembers their forms: for the steps of one plan, in which most values are the same."""

    def __init__(self) -> None:
        self._forms: dict[int, list[_Form]] = {}
        self._kept = 0

    def unpack(self, data: bytes) -> list[Header]:
        """Return the headers of a segment, or of what older versions stored. ValueError where `data` is neither."""
        for form in self._forms.get(len(data), ()):
            headers = form.fill(data)
            if headers is not None:
                return headers
        if data[:1] == _JSON:
            return list(unpack_headers(data.decode()))
        headers = list(_unpacked(data))
        if len(data) <= LARGEST_KEPT:
            self._learn(self._forms.setdefault(len(data), []), headers)
        return headers

    def _learn(self, alike: list[_Form], headers: list[Header]) -> None:
        for number, form in enumerate(alike):
            if form.fits(headers):
                alike[number] = form.loosened(headers)
                return
        if self._kept < MOST_KEPT and len(alike) < MOST_ALIKE:
            alike.append(_Form(headers, frozenset()))
            self._kept += 1


class _Form:
    """Segments of one length that differ in a few values: those of the headers whose numbers are `free`.

    `fixed` is what stands before the first of them, between them and behind the last.
    """

    __slots__ = ("fixed", "free", "headers", "names", "split")

    def __init__(self, headers: list[Header], free: frozenset[int]) -> None:
        self.headers, self.free = headers.copy(), sorted(free)
        self.names = [headers[number][0] for number in self.free]
        fixed, lengths = [b""], []
        for number, (name, value) in enumerate(headers):
            fixed[-1] += _before(name, value)
            if number in free:
                fixed.append(b"")
                lengths.append(len(value or b""))
            else:
                fixed[-1] += value or b""
        self.fixed = tuple(fixed)
        sizes = (size for pair in zip_longest(map(len, fixed), lengths, fillvalue=0) for size in pair)
        self.split = Struct("".join(f"{size}s" for size in sizes)).unpack

    def fill(self, data: bytes) -> list[Header] | None:
        """Return the headers of a segment, None where it is of another form."""
        parts = self.split(data)
        if parts[::2] != self.fixed:
            return None
        headers = self.headers.copy()
        for number, name, value in zip(self.free, self.names, parts[1::2], strict=False):
            headers[number] = name, value
        return headers

    def fits(self, headers: list[Header]) -> bool:
        """Whether the names and the lengths of the values are the same."""
        return _lengths(headers) == _lengths(self.headers)

    def loosened(self, headers: list[Header]) -> _Form:
        """Return the form of headers that fit, too: those in which it differs are free."""
        pairs = enumerate(zip(self.headers, headers, strict=True))
        return _Form(headers, frozenset(self.free) | {number for number, (one, other) in pairs if one != other})


def _lengths(headers: list[Header]) -> list[tuple[str, int]]:
    return [(name, -1 if value is None else len(value)) for name, value in headers]


def packed(headers: Sequence[Header]) -> Packed:
    """Return the headers of one record alone as one segment."""
    return Packed(len(headers), b"".join(map(_part, headers)), headers_bytes(headers))


def _part(header: Header) -> bytes:
    return _before(*header) + (header[1] or b"")


def _before(name: str, value: bytes | None) -> bytes:
    """What stands before a value: the name with its length, and the value's length."""
    octets = name.encode()
    return b"%d;%b-;" % (len(octets), octets) if value is None else b"%d;%b%d;" % (len(octets), octets, len(value))


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
