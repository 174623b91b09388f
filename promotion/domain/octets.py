"""Bytes and texts of unknown origin, made fit to look at: bounded, and visible to the last character."""

import codecs
import unicodedata
from dataclasses import dataclass

_LINE = 16


@dataclass(frozen=True, slots=True)
class Octets:
    """What is shown of some bytes: `text` is their text where they are UTF-8, else hex digits (`hex` is True then).

    `size` is the number of bytes there are, `whole` whether all of them are in `text`.
    """

    text: str
    hex: bool
    size: int
    whole: bool


def shown(data: bytes, most: int = 256) -> Octets:
    """Return what to show of `data`, at most `most` bytes of it."""
    part, whole = data[:most], len(data) <= most
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(part, final=whole)
    except UnicodeDecodeError:
        return Octets(part.hex(" "), True, len(data), whole)
    return Octets(visible(text), False, len(data), whole)


def visible(text: str) -> str:
    """Return `text` with every character that cannot be seen, or that turns its direction, as `\\uXXXX`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


def hex_dump(data: bytes, most: int = 4096) -> str:
    """Return lines of offset, hex digits and ASCII, of the first `most` bytes."""
    return "\n".join(_dump_line(data, start) for start in range(0, min(len(data), most), _LINE))


_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _dump_line(data: bytes, start: int) -> str:
    part = data[start : start + _LINE]
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{start:08x}  {part.hex(' '):<{_LINE * 3}} {text}"
