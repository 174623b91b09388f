"""JSON text in and out: bounded, exact, and visible to its last character."""

import json
import math
import re
from typing import Any

import orjson

from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.errors import InvalidInput

_MAX_DIGITS = 400
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_INVISIBLE = re.compile("[\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]")


class MalformedJson(InvalidInput):
    """A text that is not JSON, or not JSON that keeps its meaning: a key twice, NaN, a number out of range."""


def parse_json(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the value of a JSON text; integers keep all their digits. MalformedJson says where it is wrong."""
    text = _decoded(text, limits)
    _check_depth(text, limits.max_json_depth)
    try:
        return json.loads(text) if text.startswith("\ufeff") else _DECODER.decode(text)  # which raises, with its words
    except json.JSONDecodeError as error:
        raise MalformedJson(
            f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}.", "Correct the text there."
        ) from None
    except RecursionError:
        raise MalformedJson(f"The JSON is nested more than {limits.max_json_depth} deep.") from None


def dump_json(value: Any) -> str:
    """Return `value` as indented JSON, keys in their order.

    Characters that cannot be seen or that turn the direction of text stand as `\\uXXXX`, so that what is read is
    what is there.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def exact_text(value: Any) -> bytes | None:
    """Return a text of a JSON value (not NaN) that another value has only where it is the same to the last digit.

    The order of keys counts, and so do 1, 1.0 and true. None where there is none: with an integer of more than 64 bits,
    half of a surrogate pair, or brackets too deep inside each other.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


def abbreviated(value: Any, length: int = 60) -> str:
    """Return a short ASCII text that shows a JSON value, or its kind where it is large."""
    match value:
        case dict():
            return f"an object with {len(value)} fields" if value else "{}"
        case list():
            return f"an array of {len(value)} items" if value else "[]"
        case str():
            shown = json.dumps(value[:length])
            return shown if len(value) <= length and len(shown) <= 4 * length else f"{shown[:length]}..."
        case int() if not isinstance(value, bool) and abs(value) >= 10**40:
            return "a number of more than 40 digits"
        case _:
            return json.dumps(value)


def _decoded(text: str | bytes, limits: Limits) -> str:
    size = len(text) if isinstance(text, bytes) or text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.max_json_bytes:
        raise MalformedJson(f"The JSON is larger than {limits.max_json_bytes:,} bytes.")
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise MalformedJson(f"The text is not UTF-8 (byte {error.start}).") from None


def _check_depth(text: str, most: int) -> None:
    if text.count("[") + text.count("{") <= most:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > most:
            raise MalformedJson(f"The JSON is nested more than {most} deep.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedJson(f"The key {abbreviated(twice)} stands twice in one object.", "Keep one of them.")
    return result


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise MalformedJson(f"A number has more than {_MAX_DIGITS} digits.")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedJson(f"The number {text[:40]} is out of range.", 'Infinity is written "Infinity".')
    return value


def _constant(name: str) -> Any:
    raise MalformedJson(f"{name} is not JSON.", f'Write it as the string "{name}".')


# Made once: json.loads makes one a call, which is a third of the time of a small text.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_finite, parse_constant=_constant
)
