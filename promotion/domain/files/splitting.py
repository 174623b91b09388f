"""A file of any size, cut into its entries: lines, or the elements of a JSON array. Nothing is parsed here.

Not with ijson: it keeps a string of any length in memory, merges keys that stand twice, and ends at the first element
that is wrong. Cutting needs only strings and brackets, and `parse_json` then has every bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from promotion.domain.files.items import MAX_ENTRY, BadEntry, BadFile
from promotion.domain.octets import visible

#: Deeper than the parser goes: that nothing behind it is read keeps a file of brackets from taking minutes.
_MAX_DEPTH = 1000
_MAX_BLANK = 64 * 1024
BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*+")
_AT_TOP = re.compile(rb'(?:[^"\[\]{},]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_DEEPER = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_OTHERS = {
    b"\x1f\x8b": "compressed by gzip",
    b"PK\x03\x04": "a zip file",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\xff\xfe": "UTF-16 or UTF-32",
    b"\xfe\xff": "UTF-16",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry's bytes, None where there are more than MAX_ENTRY. `number` counts from 1, `line` is its first line."""

    number: int
    line: int
    data: bytes | None


def too_long(piece: Piece) -> BadEntry:
    """Return the entry to report where a piece's bytes were too many to keep."""
    return BadEntry(piece.number, piece.line, f"The entry is longer than {MAX_ENTRY:,} bytes.")


class _Held:
    """The bytes of one entry so far; of one that is too long none are kept."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._long = False

    def add(self, part: bytes) -> None:
        self._long = self._long or len(self._data) + len(part) > MAX_ENTRY
        if self._long:
            self._data = bytearray()
        else:
            self._data += part

    def take(self) -> bytes | None:
        data, self._data = None if self._long else bytes(self._data), bytearray()
        self._long = False
        return data


def lines(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """Yield every line that is not blank, without its U+000A. Raises BadFile where the file is no UTF-8 text at all."""
    number, held = 1, _Held()
    for chunk in started(chunks):
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            held.add(line)
            yield from _line(number, held.take())
            number += 1
        held.add(rest)
    yield from _line(number, held.take())


def _line(number: int, data: bytes | None) -> Iterator[Piece]:
    if data is None or data.strip(b" \t\r"):
        yield Piece(number, number, data)


def started(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks without a byte order mark. Raises BadFile where the first bytes are no UTF-8 text's."""
    waiting = iter(chunks)
    head = b""
    for chunk in waiting:
        head += chunk
        if len(head) >= 4:
            break
    check_start(head)
    yield head.removeprefix(BOM)
    yield from waiting


def first_sign(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first byte that is not blank (empty for none), and all the chunks once more."""
    waiting = started(chunks)
    seen: list[bytes] = []
    for chunk in waiting:
        seen.append(chunk)
        if sign := chunk.lstrip(b" \t\r\n")[:1]:
            return sign, chain(seen, waiting)
        if sum(map(len, seen)) > _MAX_BLANK:
            raise BadFile(f"The file begins with more than {_MAX_BLANK:,} blanks.", "Take them out.")
    return b"", iter(seen)


def check_start(head: bytes) -> None:
    """Raise BadFile where the first bytes of a file show that it is no UTF-8 text."""
    what = next((name for magic, name in _OTHERS.items() if head.startswith(magic)), None)
    if what is None and b"\0" in head[:4]:
        what = "no text, or UTF-16"
    if what is not None:
        raise BadFile(f"The file is {what}.", "Give it as plain text in UTF-8.")


def elements(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """Yield the elements of a JSON array, good or not. Raises BadFile where there is no array, or no end of it."""
    array = _Array()
    for chunk in started(chunks):
        yield from array.feed(chunk)
    array.end()


class _Array:
    """Where the scan of an array stands. `depth` is 0 before and after the array, 1 between its elements' brackets."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = False
        self._fresh = self._closed = False
        self._held = _Held()
        self._number, self._line, self._begun = 0, 1, 1
        self._counted = 0

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Yield the elements that end in this chunk."""
        pos = start = self._counted = 0
        while pos < len(chunk):
            if self._depth == 0:
                start = pos = self._outside(chunk, pos)
                continue
            if self._fresh:
                start = pos = self._begin(chunk, pos)
                continue
            pos = self._pass(chunk, pos)
            if pos < len(chunk) and self._bracket(chunk[pos : pos + 1]):
                self._held.add(chunk[start:pos])
                yield from self._element(chunk, pos)
                start = pos + 1
            pos += 1
        if self._depth:
            self._held.add(chunk[start:])
        self._count(chunk, len(chunk))

    def end(self) -> None:
        """Check that the array has ended."""
        if self._closed:
            return
        if self._depth == 0:
            raise BadFile("The file is empty.", "A JSON array begins with [.")
        where = f"before entry {self._number + 1}" if self._fresh else f"inside entry {self._number + 1}"
        raise BadFile(f"The file ends {where}, which begins at line {self._begun}.", "It was cut off, or lacks a ].")

    def _count(self, chunk: bytes, pos: int) -> None:
        self._line += chunk.count(b"\n", self._counted, pos)
        self._counted = pos

    def _outside(self, chunk: bytes, pos: int) -> int:
        pos = _match_end(_BLANK, chunk, pos)
        if pos == len(chunk):
            return pos
        self._count(chunk, pos)
        if self._closed:
            raise BadFile(f"Something follows the end of the array at line {self._line}.", "An array is all of a file.")
        if chunk[pos : pos + 1] != b"[":
            found = visible(chunk[pos : pos + 1].decode("latin-1"))
            raise BadFile(f"No JSON array: line {self._line} begins with {found!r}.", "A JSON array begins with [.")
        self._depth, self._fresh, self._begun = 1, True, self._line
        return pos + 1

    def _begin(self, chunk: bytes, pos: int) -> int:
        """Go to where the next element begins."""
        pos = _match_end(_BLANK, chunk, pos)
        self._count(chunk, pos)
        self._begun = self._line
        if pos < len(chunk):
            if self._number == 0 and chunk[pos : pos + 1] == b"]":
                self._depth, self._closed = 0, True
                pos += 1
            self._fresh = False
        return pos

    def _pass(self, chunk: bytes, pos: int) -> int:
        """Pass over all that is neither a bracket nor a comma between elements."""
        if self._in_string:
            if self._escaped:
                self._escaped, pos = False, pos + 1
            pos = _match_end(_IN_STRING, chunk, pos)
            if chunk[pos : pos + 1] != b'"':
                self._escaped = pos < len(chunk)
                return len(chunk)
            self._in_string, pos = False, pos + 1
        pos = _match_end(_AT_TOP if self._depth == 1 else _DEEPER, chunk, pos)
        if chunk[pos : pos + 1] == b'"':
            self._in_string = True
            return self._pass(chunk, pos + 1)
        return pos

    def _bracket(self, sign: bytes) -> bool:
        """Take a bracket or comma; return whether it ends an element."""
        if self._depth == 1 and sign in b",]":
            return True
        if sign in b"[{":
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise BadFile(
                    f"Entry {self._number + 1}, at line {self._begun}, is nested more than {_MAX_DEPTH:,} deep."
                )
        elif self._depth > 1:
            self._depth -= 1
        return False

    def _element(self, chunk: bytes, pos: int) -> Iterator[Piece]:
        self._number += 1
        self._count(chunk, pos)
        yield Piece(self._number, self._begun, self._held.take())
        self._begun = self._line
        if chunk[pos : pos + 1] == b"]":
            self._depth, self._closed = 0, True
        else:
            self._fresh = True


def _match_end(pattern: re.Pattern[bytes], chunk: bytes, pos: int) -> int:
    match = pattern.match(chunk, pos)
    assert match is not None, "each of the patterns matches nothing at all"
    return match.end()
