"""People's regular expressions, in time linear in the text: RE2, with bounds on all that goes in and out."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

MAX_LENGTH = 1_000
MAX_TEMPLATE = 10_000
#: A pattern's size as RE2 counts it: what a byte of text costs where its states do not fit into memory.
MAX_PROGRAM = 1_000
MAX_MEMORY = 8 * 1024 * 1024
MAX_TEXT = 256 * 1024
MAX_RESULT = 1024 * 1024
MAX_MATCHES = 10_000
#: Bytes that all searches in one text together may look at: finding all matches can be quadratic, even with RE2.
MAX_WORK = 50_000_000
_ONE_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)


class InvalidPattern(ValueError):
    """A pattern or a template that cannot be used; the message is a sentence."""


class TooMuchText(Exception):
    """A text, or what would become of it, is beyond the bounds; the message is a phrase."""


class Pattern:
    """A compiled pattern. Matches anywhere in a text unless it is anchored with ^ and $."""

    def __init__(self, text: str) -> None:
        if not 0 < len(text) <= MAX_LENGTH:
            raise InvalidPattern(f"A pattern has 1 to {MAX_LENGTH:,} characters.")
        if _ONE_BYTE.search(text):
            raise InvalidPattern("A pattern cannot ask for single bytes with \\C.")
        options = re2.Options()
        options.max_mem = MAX_MEMORY
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(text.encode(), options)
        except UnicodeEncodeError:
            raise InvalidPattern("The pattern holds half of a surrogate pair, which is not a character.") from None
        except re2.error as error:
            raise InvalidPattern(f"Not a pattern of RE2: {_reason(error)}.") from None
        if self._compiled.programsize > MAX_PROGRAM:
            raise InvalidPattern("The pattern is too large: repeat fewer things fewer times.")
        self.groups: int = self._compiled.groups

    def found_in(self, text: str) -> bool:
        """Whether it matches somewhere in `text`."""
        return self._compiled.search(text.encode()) is not None

    def replaced(self, text: str, template: Template) -> str:
        """Return `text` with every match replaced; TooMuchText beyond the bounds."""
        data = text.encode()
        if len(data) > MAX_TEXT:
            raise TooMuchText(f"the text is longer than {MAX_TEXT:,} bytes")
        pieces: list[bytes] = []
        end = size = work = matches = 0
        position = 0
        while (match := self._compiled.search(data, position)) is not None:
            start, stop = match.span()
            piece = template.filled(match)
            pieces += (data[end:start], piece)
            matches, work = matches + 1, work + len(data) - position
            size += start - end + len(piece)
            if matches > MAX_MATCHES or work > MAX_WORK or size > MAX_RESULT:
                raise TooMuchText("it matches too often, or the result is too long")
            end = stop
            position = stop if stop > start else _next(data, stop)
            if position > len(data):
                break
        if not matches:
            return text
        pieces.append(data[end:])
        return b"".join(pieces).decode()


class Template:
    r"""What a match becomes: text with `\1` to `\9` for groups, `\0` for the whole match, `\\` for a backslash."""

    def __init__(self, text: str, groups: int) -> None:
        if len(text) > MAX_TEMPLATE:
            raise InvalidPattern(f"A replacement has at most {MAX_TEMPLATE:,} characters.")
        self._parts: list[bytes | int] = []
        end = 0
        for escape in _ESCAPE.finditer(text):
            self._parts.append(_encoded(text[end : escape.start()]))
            self._parts.append(_escaped(escape[1], groups))
            end = escape.end()
        self._parts.append(_encoded(text[end:]))

    def filled(self, match: Any) -> bytes:
        """Return the bytes for one match; a group that took no part is empty."""
        return b"".join(part if isinstance(part, bytes) else match.group(part) or b"" for part in self._parts)


@lru_cache(maxsize=512)
def compiled(text: str) -> Pattern:
    """Return the pattern of `text`, compiled once."""
    return Pattern(text)


def _escaped(character: str, groups: int) -> bytes | int:
    if character == "\\":
        return b"\\"
    if not (character.isascii() and character.isdigit()):
        raise InvalidPattern(r"In a replacement, \ stands before the number of a group or another \.")
    if int(character) > groups:
        raise InvalidPattern(f"The replacement names group {character}, and the pattern has {groups}.")
    return int(character)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidPattern("The replacement holds half of a surrogate pair, which is not a character.") from None


def _next(data: bytes, position: int) -> int:
    """Return where the next character begins: a pattern that matches nothing must not cut one in two."""
    position += 1
    while position < len(data) and data[position] & 0xC0 == 0x80:
        position += 1
    return position


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return ascii(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason))[1:-1][:120]
