"""A bounded Avro decoder in plain Python: the only one here, so that every page and job reads a value alike.

It refuses what fastavro lets through: negative enum and union indexes, ints beyond 32 bits, longs beyond 64, booleans
other than 0 and 1, a map's key given twice; and it ends before depth or claimed counts hurt the process.
"""

import math
import struct
from typing import Any

from promotion.domain.avro_type import AvroType
from promotion.domain.limits import Limits
from promotion.domain.wire import MalformedValue

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_INT_MAX = 2**31


class Fault(Exception):
    """What is wrong at `offset`; on its way up every level adds its part to `path`, innermost first."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.path: list[str] = []

    def malformed(self) -> MalformedValue:
        """Return the error to show."""
        return MalformedValue(self.reason, path="$" + "".join(reversed(self.path)), offset=self.offset)


class Walker:
    """Reads one datum from `data` as plain values: dict, list, str, bytes, int, float, bool, None; unions untagged."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data = data
        self._end = len(data)
        self._limits = limits
        self._values_left = limits.max_values
        self._max_depth = limits.max_depth
        self.pos = 0

    def whole(self, node: AvroType) -> Any:
        """Return the datum that fills the data from the first byte to the last; MalformedValue otherwise."""
        if len(self._data) > self._limits.max_value_bytes:
            raise MalformedValue(f"the value has more than {self._limits.max_value_bytes:,} bytes")
        try:
            value = self.read(node, 0)
            self.end()
        except Fault as fault:
            raise fault.malformed() from None
        return value

    def end(self) -> None:
        """Check that nothing is left."""
        if self.pos != self._end:
            raise Fault(f"{self._end - self.pos} bytes are left after the value", self.pos)

    def read(self, node: AvroType, depth: int) -> Any:
        """Return the next value of type `node`, which stands `depth` containers deep."""
        self._values_left -= 1
        if self._values_left < 0:
            raise self._too_many()
        return _READERS[node.kind](self, node, depth)

    def count(self) -> None:
        """Count one more value against the limit."""
        self._values_left -= 1
        if self._values_left < 0:
            raise self._too_many()

    def long(self) -> int:
        """Return the next variable-length zig-zag number of at most 64 bits."""
        data, start, pos = self._data, self.pos, self.pos
        bits = shift = 0
        while True:
            if pos >= self._end:
                raise Fault("the value ends inside a number", pos)
            byte = data[pos]
            pos += 1
            bits |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                raise Fault("a number has more than 64 bits", start)
        if shift == 63 and bits >> 64:
            raise Fault("a number has more than 64 bits", start)
        self.pos = pos
        return (bits >> 1) ^ -(bits & 1)

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        start, end = self.pos, self.pos + size
        if size < 0:
            raise Fault("a length is negative", start)
        if end > self._end:
            raise Fault(f"{size} bytes are claimed and {self._end - start} are left", start)
        self.pos = end
        return self._data[start:end]

    def branch(self, node: AvroType) -> AvroType:
        """Return the branch that the next number chooses in the union `node`."""
        start, index = self.pos, self.long()
        if not 0 <= index < len(node.inner):
            raise Fault(f"the union has no branch {index}", start)
        return node.inner[index]

    def block(self) -> int:
        """Return the number of items in the next block of an array or map, 0 at the end."""
        start, count = self.pos, self.long()
        if count < 0:
            count = -count
            if self.long() < 0:
                raise Fault("a block's size is negative", start)
        if count > self._values_left:
            raise self._too_many()
        return count

    def deeper(self, depth: int) -> int:
        """Return the depth of what stands inside."""
        if depth >= self._max_depth:
            raise Fault(f"the value is nested more than {self._max_depth} deep", self.pos)
        return depth + 1

    def text(self) -> str:
        """Return the next string."""
        start = self.pos
        try:
            if start < self._end and (byte := self._data[start]) < 0x80 and not byte & 1:  # most are short: no calls
                end = start + 1 + (byte >> 1)
                if end <= self._end:
                    self.pos = end
                    return self._data[start + 1 : end].decode()
            return self.take(self.long()).decode()
        except UnicodeDecodeError:
            raise Fault("a string is not UTF-8", start) from None

    def _too_many(self) -> Fault:
        return Fault(f"the value holds more than {self._limits.max_values:,} values", self.pos)

    def _null(self, _node: AvroType, _depth: int) -> None:
        return None

    def _boolean(self, _node: AvroType, _depth: int) -> bool:
        byte = self.take(1)[0]
        if byte > 1:
            raise Fault(f"a boolean is 0x{byte:02x}", self.pos - 1)
        return byte == 1

    def _int(self, _node: AvroType, _depth: int) -> int:
        start, value = self.pos, self.long()
        if not -_INT_MAX <= value < _INT_MAX:
            raise Fault("an int has more than 32 bits", start)
        return value

    def _long(self, _node: AvroType, _depth: int) -> int:
        return self.long()

    def _float(self, _node: AvroType, _depth: int) -> Any:
        return self.number(_FLOAT.unpack(self.take(4))[0])

    def _double(self, _node: AvroType, _depth: int) -> Any:
        return self.number(_DOUBLE.unpack(self.take(8))[0])

    def _bytes(self, _node: AvroType, _depth: int) -> Any:
        return self.octets(self.take(self.long()))

    def _string(self, _node: AvroType, _depth: int) -> str:
        return self.text()

    def _fixed(self, node: AvroType, _depth: int) -> Any:
        return self.octets(self.take(node.size))

    def _enum(self, node: AvroType, _depth: int) -> str:
        start, index = self.pos, self.long()
        if not 0 <= index < len(node.symbols):
            raise Fault(f"the enum has no symbol {index}", start)
        return node.symbols[index]

    def _record(self, node: AvroType, depth: int) -> dict[str, Any]:
        depth = self.deeper(depth)
        read = self.read
        record: dict[str, Any] = {}
        try:
            for item in node.fields:
                record[item.name] = read(item.type, depth)
        except Fault as fault:
            fault.path.append(f".{item.name}")
            raise
        return record

    def _array(self, node: AvroType, depth: int) -> list[Any]:
        depth = self.deeper(depth)
        items: list[Any] = []
        try:
            while count := self.block():
                for _ in range(count):
                    items.append(self.read(node.inner[0], depth))
        except Fault as fault:
            fault.path.append(f"[{len(items)}]")
            raise
        return items

    def _map(self, node: AvroType, depth: int) -> dict[str, Any]:
        depth = self.deeper(depth)
        entries: dict[str, Any] = {}
        try:
            while count := self.block():
                for _ in range(count):
                    start, key = self.pos, self.text()
                    if key in entries:
                        raise Fault("a map has the same key twice", start)
                    entries[key] = self.read(node.inner[0], depth)
        except Fault as fault:
            fault.path.append(f"{{{len(entries)}}}")  # the entry's number: its key is content
            raise
        return entries

    def _union(self, node: AvroType, depth: int) -> Any:
        branch = self.branch(node)
        return self.tagged(branch, self.read(branch, self.deeper(depth)))

    def number(self, value: float) -> Any:
        """Return how a float or double is represented."""
        return value

    def octets(self, value: bytes) -> Any:
        """Return how bytes are represented."""
        return value

    def tagged(self, _branch: AvroType, value: Any) -> Any:
        """Return how a union's value is represented."""
        return value


class JsonWalker(Walker):
    """Reads one datum as the value of Avro's JSON encoding.

    A union's value is `{"branch": value}`, a bare null where it is null; bytes are text of the code points 0 to 255;
    NaN and the infinities are strings, since JSON has no such numbers.
    """

    def number(self, value: float) -> Any:
        """Return a finite number as it is, others by name."""
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

    def octets(self, value: bytes) -> str:
        """Return bytes as text, one character a byte."""
        return value.decode("latin-1")

    def tagged(self, branch: AvroType, value: Any) -> Any:
        """Return the value with its branch."""
        return None if branch.kind == "null" else {branch.tag: value}


_READERS = {kind: getattr(Walker, f"_{kind}") for kind in (
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    "fixed", "enum", "record", "array", "map", "union",
)}  # fmt: skip
