"""From a JSON value to an Avro body, with every problem by its path."""

import struct
from dataclasses import dataclass
from typing import Any

from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.json_text import abbreviated
from promotion.domain.limits import DEFAULT_LIMITS, Limits

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_RANGES = {"int": 2**31, "long": 2**63}
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_MAX_PATH_PART = 80

Path = tuple["Path", str] | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a value does not fit its schema: at `path`, `expected` a type, `found` something else (short, ASCII)."""

    path: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}. {self.hint}".strip()


class TooMuch(Exception):
    """The value is beyond a limit, so looking for further problems ends."""


class Encoder:
    """Writes JSON values to `out` in Avro's binary encoding; arrays and maps as one block. Collects `problems`.

    A value is only there in full where `failures` is 0 afterwards.
    """

    def __init__(self, limits: Limits) -> None:
        self.out = bytearray()
        self.problems: list[Problem] = []
        self.failures = 0
        self._limits = limits
        self._values = 0
        self._plain_unions = False

    def write(self, node: AvroType, value: Any, path: Path, depth: int = 0) -> None:
        """Append `value` as `node`; what does not fit becomes a problem at `path`."""
        self._values += 1
        too_deep = depth >= self._limits.max_depth and (node.inner or node.kind == "record")
        if too_deep or self._values > self._limits.max_values:
            self._fail(path, str(node), "too much", f"A value has at most {self._limits.max_values:,} values and "
                       f"is nested at most {self._limits.max_depth} deep.")  # fmt: skip
            raise TooMuch
        _WRITERS[node.kind](self, node, value, path, depth)

    def write_default(self, item: AvroField, path: Path, depth: int) -> None:
        """Append a field's default; a schema writes a union's default without its branch."""
        before, self._plain_unions = self._plain_unions, True
        self.write(item.type, item.default, path, depth)
        self._plain_unions = before

    def long(self, value: int) -> None:
        """Append a variable-length zig-zag number."""
        bits = (value << 1) ^ (value >> 63)
        while bits > 0x7F:
            self.out.append((bits & 0x7F) | 0x80)
            bits >>= 7
        self.out.append(bits)

    def octets(self, value: bytes) -> None:
        """Append bytes with their length; TooMuch beyond the limit."""
        if len(value) < 64:  # most are: their length is one byte
            self.out.append(len(value) << 1)
        else:
            self.long(len(value))
        self.out += value
        if len(self.out) > self._limits.max_value_bytes:
            self._fail(None, f"at most {self._limits.max_value_bytes:,} bytes", "more", "")
            raise TooMuch

    def _fail(self, path: Path, expected: str, found: str, hint: str = "") -> None:
        self.failures += 1
        if len(self.problems) < self._limits.max_problems:
            self.problems.append(Problem(render(path), expected, found, hint))

    def _misfit(self, node: AvroType, value: Any, path: Path, hint: str = "") -> None:
        self._fail(path, str(node), abbreviated(value), hint)

    def _null(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        if value is not None:
            self._misfit(node, value, path)

    def _boolean(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        if value is True or value is False:
            self.out.append(value)
        else:
            self._misfit(node, value, path, "Write true or false, without quotes.")

    def _integer(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        limit = _RANGES[node.kind]
        if type(value) is not int:
            self._misfit(node, value, path, "Write a whole number, without quotes and without a decimal point.")
        elif -limit <= value < limit:
            self.long(value)
        else:
            self._misfit(node, value, path, f"The range is {-limit} to {limit - 1}.")

    def _number(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        number = _as_float(value)
        if number is None:
            self._misfit(node, value, path, 'Write a number it can hold, or "NaN", "Infinity", "-Infinity".')
            return
        try:
            self.out += (_FLOAT if node.kind == "float" else _DOUBLE).pack(number)
        except OverflowError:
            self._misfit(node, value, path, "It is too large for a float of 32 bits.")

    def _string(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        if not isinstance(value, str):
            self._misfit(node, value, path, "Write it in quotes.")
            return
        try:
            encoded = value.encode()
        except UnicodeEncodeError:
            self._misfit(node, value, path, "It holds half of a surrogate pair, which is not a character.")
            return
        self.octets(encoded)

    def _bytes(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        octets = self._latin(node, value, path)
        if octets is not None:
            self.octets(octets)

    def _fixed(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        octets = self._latin(node, value, path)
        if octets is None:
            return
        if len(octets) != node.size:
            self._misfit(node, value, path, f"It has {len(octets)} bytes; {node.name} has {node.size}.")
        self.out += octets

    def _latin(self, node: AvroType, value: Any, path: Path) -> bytes | None:
        hint = "Bytes are text, one character a byte, \\u0000 to \\u00ff."
        if isinstance(value, str):
            try:
                return value.encode("latin-1")
            except UnicodeEncodeError:
                pass
        self._misfit(node, value, path, hint)
        return None

    def _enum(self, node: AvroType, value: Any, path: Path, _depth: int) -> None:
        if isinstance(value, str) and value in node.symbols:
            self.long(node.symbols.index(value))
        else:
            self._misfit(node, value, path, "It is one of " + ", ".join(node.symbols[:20]) + ".")

    def _array(self, node: AvroType, value: Any, path: Path, depth: int) -> None:
        if not isinstance(value, list):
            self._misfit(node, value, path, "Write it in square brackets.")
            return
        if value:
            self.long(len(value))
            for number, item in enumerate(value):
                self.write(node.inner[0], item, (path, f"[{number}]"), depth + 1)
        self.out.append(0)

    def _map(self, node: AvroType, value: Any, path: Path, depth: int) -> None:
        if not isinstance(value, dict):
            self._misfit(node, value, path, "Write it in curly brackets.")
            return
        key_type = AvroType("string")
        if value:
            self.long(len(value))
            for key, item in value.items():
                inside = (path, f"[{abbreviated(key)}]")
                self._string(key_type, key, inside, depth)
                self.write(node.inner[0], item, inside, depth + 1)
        self.out.append(0)

    def _record(self, node: AvroType, value: Any, path: Path, depth: int) -> None:
        if not isinstance(value, dict):
            self._misfit(node, value, path, "Write it in curly brackets.")
            return
        known = 0
        for item in node.fields:
            inside = (path, f".{item.name}")
            if item.name in value:
                known += 1
                self.write(item.type, value[item.name], inside, depth + 1)
            elif item.has_default:
                self.write_default(item, inside, depth + 1)
            else:
                self._fail(inside, str(item.type), "nothing", "Add the field: it has no default.")
        if known != len(value):
            self._unknown_fields(node, value, path)

    def _unknown_fields(self, node: AvroType, value: dict[str, Any], path: Path) -> None:
        names = {item.name for item in node.fields}
        hint = f"The fields of {node.name} are " + ", ".join(item.name for item in node.fields[:30]) + "."
        for key in value:
            if key not in names:
                self._fail((path, f"[{abbreviated(key)}]"), "no such field", abbreviated(value[key]), hint)

    def _union(self, node: AvroType, value: Any, path: Path, depth: int) -> None:
        if not self._plain_unions and isinstance(value, dict) and len(value) == 1:
            [(tag, inside)] = value.items()
            for index, branch in enumerate(node.inner):
                if branch.tag == tag and branch.kind != "null":
                    self.long(index)
                    self.write(branch, inside, (path, f".{tag}"), depth + 1)
                    return
        self._first_that_fits(node, value, path, depth)

    def _first_that_fits(self, node: AvroType, value: Any, path: Path, depth: int) -> None:
        start, problems, failures = len(self.out), len(self.problems), self.failures
        likely: list[Problem] = []
        for index, branch in enumerate(node.inner):
            self.long(index)
            self.write(branch, value, path, depth + 1)
            if self.failures == failures:
                return
            if branch.kind != "null" and _same_shape(branch, value):
                likely = self.problems[problems:]
            del self.out[start:], self.problems[problems:]
            self.failures = failures
        if likely and any(problem.path != render(path) for problem in likely):
            self.failures += len(likely)
            self.problems += likely[: max(self._limits.max_problems - problems, 0)]
        else:
            self._misfit(node, value, path, f'A value with its branch looks like {{"{node.inner[-1].tag}": ...}}.')


def render(path: Path) -> str:
    """Return a path as text, `$.EventId.nonce`."""
    parts = []
    while path is not None:
        path, part = path
        parts.append(part[:_MAX_PATH_PART])
    return "$" + "".join(reversed(parts))


def _as_float(value: Any) -> float | None:
    """A JSON number or one of the three names; None where it is neither, or would lose digits."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value) if int(float(value)) == value else None
        except OverflowError:
            return None
    return _SPECIAL.get(value) if isinstance(value, str) else None


def _same_shape(branch: AvroType, value: Any) -> bool:
    """Whether a misfit inside this branch tells a person more than the list of branches."""
    return (branch.kind in ("record", "map") and isinstance(value, dict)) or (
        branch.kind == "array" and isinstance(value, list)
    )


_WRITERS = {
    "null": Encoder._null,
    "boolean": Encoder._boolean,
    "int": Encoder._integer,
    "long": Encoder._integer,
    "float": Encoder._number,
    "double": Encoder._number,
    "bytes": Encoder._bytes,
    "string": Encoder._string,
    "fixed": Encoder._fixed,
    "enum": Encoder._enum,
    "array": Encoder._array,
    "map": Encoder._map,
    "record": Encoder._record,
    "union": Encoder._union,
}


def zigzag(number: int) -> bytes:
    """Return an int or long as Avro writes it: variable length, zig-zag."""
    if 0 <= number < 64:
        return bytes((number << 1,))
    encoder = Encoder(DEFAULT_LIMITS)
    encoder.long(number)
    return bytes(encoder.out)
