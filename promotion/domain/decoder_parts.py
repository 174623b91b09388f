"""What generated decoders call for the rarer parts of a value; decoder_source.py writes them.

They take the data and a position, return what stands there and the position behind it, and give up on whatever is not
plain and sound: the Walker then reads the value again, and it alone says what is wrong.
"""

import math
import struct
from collections.abc import Callable
from typing import Any, Final


class GaveUp(Exception):
    """The value is wrong, or so unusual that only the Walker should judge it."""


# What a generated decoder ends with where it gives up: the rest comes from indexes, slices and bytes that do not fit.
GAVE_UP: Final = (GaveUp, LookupError, UnicodeDecodeError, struct.error)


def bits(data: bytes, pos: int) -> tuple[int, int]:
    """Return a variable-length number as its zig-zag bits, at most 64 of them."""
    found = shift = 0
    for byte in data[pos : pos + 10]:
        if byte < 0x80:
            if shift == 63 and byte > 1:
                break
            return found | byte << shift, pos + shift // 7 + 1
        found |= (byte & 0x7F) << shift
        shift += 7
    raise GaveUp


def long(data: bytes, pos: int) -> tuple[int, int]:
    """Return a long of two bytes or more. What nonces and timestamps need is written out: a loop is half as fast."""
    second = data[pos + 1]
    if second < 0x80:
        low = data[pos] & 0x7F | second << 7
        return (low >> 1) ^ -(low & 1), pos + 2
    third = data[pos + 2]
    if third < 0x80:
        low = data[pos] & 0x7F | (second & 0x7F) << 7 | third << 14
        return (low >> 1) ^ -(low & 1), pos + 3
    fourth = data[pos + 3]
    if fourth >= 0x80 and (fifth := data[pos + 4]) >= 0x80 and (sixth := data[pos + 5]) < 0x80:
        # In two halves, since Python is quicker with numbers below 2**30.
        low = data[pos] & 0x7F | (second & 0x7F) << 7 | (third & 0x7F) << 14 | (fourth & 0x7F) << 21
        return (low >> 1 | (fifth & 0x7F | sixth << 7) << 27) ^ -(low & 1), pos + 6
    found, pos = bits(data, pos)
    return (found >> 1) ^ -(found & 1), pos


def int32(data: bytes, pos: int) -> tuple[int, int]:
    """Return an int."""
    found, pos = bits(data, pos)
    if found >> 32:
        raise GaveUp
    return (found >> 1) ^ -(found & 1), pos


def length(data: bytes, pos: int) -> tuple[int, int]:
    """Return twice a length that the data can have, and the position of the length's last byte."""
    found, pos = bits(data, pos)
    if found & 1 or found >> 1 > len(data):
        raise GaveUp
    return found, pos - 1


def block(data: bytes, pos: int) -> tuple[int, int]:
    """Return how many items a block of an array or map has, at least one."""
    count, pos = bits(data, pos)
    if count & 1:
        size, pos = bits(data, pos)
        if size & 1:
            raise GaveUp
        count += 1  # -1 is the bits 1, -2 the bits 3
    if not count:
        raise GaveUp
    return count >> 1, pos


def named(value: float) -> float | str:
    """Return a finite number as it is, others by the name that JsonWalker gives them."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


PARTS: Final[dict[str, Callable[..., Any] | type[GaveUp]]] = {
    "GaveUp": GaveUp,
    "long": long,
    "int32": int32,
    "length": length,
    "block": block,
    "named": named,
    "float_at": struct.Struct("<f").unpack_from,
    "double_at": struct.Struct("<d").unpack_from,
}
