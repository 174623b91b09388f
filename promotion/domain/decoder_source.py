"""The Python source of a decoder for one schema: what the Walker would do for it, with every question answered before.

The source holds numbers, names of its own, and names of the schema only as string literals without any escape. It
reads a value that is sound and gives up on any other (decoder_parts.GAVE_UP), and so it can be simple: a slice beyond
the end is noticed by the next byte or at the end, and values are counted in bulk, rather too many than too few.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from promotion.domain.avro_type import AvroType
from promotion.domain.event_id import FIELD
from promotion.domain.limits import Limits

#: The numbers of EventId whose places a decoder can tell, and the types that they then have.
PLACED: Final = ("nonce", "timestamp")
_PLACED_KINDS: Final = ("int", "long")
MAX_NODES: Final = 256
MAX_DEPTH: Final = 10  # containers inside each other: Python takes 20 loops, and an array is two of them
_MAX_SEARCH: Final = 64
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.]+")
_ONE_BYTE: Final = 64  # indexes below take one byte


class Unfit(Exception):
    """The schema is too large or too deep for a decoder of its own."""


class DecoderSource:
    """Writes `decode(data)` for records of the type `root`: plainly as Walker does, or `as_json` as JsonWalker does.

    `text` is the source, `constants` what stands behind its names besides decoder_parts.PARTS. With `whole` it gives
    up where bytes are left. With `placed` it returns, in place of the value, where the numbers PLACED of the field
    EventId stand: (first byte, byte behind) of each, None for one that is not there. Raises Unfit.
    """

    def __init__(self, root: AvroType, limits: Limits, as_json: bool, whole: bool = True, placed: bool = False) -> None:
        self.constants: dict[str, Any] = {}
        self.limits, self.as_json = limits, as_json
        self.places: dict[str, str] = {}
        self.placed = _event_id(root) if placed else None
        self.cyclic = _cyclic(root)
        self._nodes = self._names = 0
        self._functions: dict[int, str] = {}
        self._waiting: list[tuple[str, AvroType]] = []
        lines = self._main(root, whole)
        while self._waiting:
            lines += self._function(*self._waiting.pop())
        self.text = "\n".join(lines)

    def name(self, prefix: str) -> str:
        """Return a new name."""
        self._names += 1
        return f"{prefix}{self._names}"

    def count(self) -> None:
        """Count one more type that is written out."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unfit

    def function(self, node: AvroType) -> str:
        """Return the name of the function that reads `node`, a record that may contain itself."""
        if id(node) not in self._functions:
            self._functions[id(node)] = self.name("read")
            self._waiting.append((self._functions[id(node)], node))
        return self._functions[id(node)]

    def _main(self, root: AvroType, whole: bool) -> list[str]:
        body = _Body(self, "")
        values = body.value(root, 0, "found")
        if values > self.limits.max_values or body.deepest >= self.limits.max_depth:
            raise Unfit
        return [
            "def decode(data):",
            " end = len(data)",
            f" if end > {self.limits.max_value_bytes}: raise GaveUp",
            " p = 0",
            f" left = {self.limits.max_values - values}",
            *body.lines,
            f" if p {'!=' if whole else '>'} end: raise GaveUp",
            f" return {self._result()}",
        ]

    def _result(self) -> str:
        return "found" if self.placed is None else ", ".join(self.places.get(name, "None") for name in PLACED)

    def _function(self, name: str, node: AvroType) -> list[str]:
        body = _Body(self, "depth + ")
        values = body.record(node, 0, "found")
        return [
            f"def {name}(data, p, left, depth):",
            f" left -= {values}",
            f" if left < 0 or depth >= {self.limits.max_depth - body.deepest}: raise GaveUp",
            *body.lines,
            " return found, p, left",
        ]


class _Body:
    """The lines of one function, and how many containers stand inside each other in it, the first being 0."""

    def __init__(self, source: DecoderSource, depth: str) -> None:
        self.lines: list[str] = []
        self.deepest = 0
        self._source, self._depth = source, depth
        self._pad = " "

    def value(self, node: AvroType, depth: int, into: str) -> int:
        """Write what reads a `node`, `depth` containers deep, `into` a name; return how many values it is at most."""
        self._source.count()
        write: Callable[[AvroType, int, str], int] | None = getattr(self, f"_{node.kind}", None)
        if write is not None:
            return write(node, depth, into)
        if node.kind not in _SIMPLE:  # of a rule's making, and no type of Avro's
            raise Unfit
        self._add(*(line.format(into=into) for line in _SIMPLE[node.kind]))
        return 1

    def record(self, node: AvroType, depth: int, into: str) -> int:
        """Write what reads the fields of `node`."""
        self._deeper(depth)
        values, parts = 1, []
        for item in node.fields:
            name = self._source.name("v")
            placed = node is self._source.placed and item.name in PLACED and item.type.kind in _PLACED_KINDS
            if placed:
                self._add(f"{name}_at = p")
            values += self.value(item.type, depth + 1, name)
            if placed:
                self._add(f"{name}_to = p")
                self._source.places[item.name] = f"({name}_at, {name}_to)"
            parts.append(f"{_literal(item.name)}: {name}")
        self._add(f"{into} = {{{', '.join(parts)}}}")
        return values

    def _record(self, node: AvroType, depth: int, into: str) -> int:
        if id(node) not in self._source.cyclic:
            return self.record(node, depth, into)
        self._add(f"{into}, p, left = {self._source.function(node)}(data, p, left, {self._depth}{depth})")
        return 0  # it counts its own

    def _union(self, node: AvroType, depth: int, into: str) -> int:
        self._deeper(depth)
        self._add("n = data[p]", "p += 1")
        most = 0
        for number, branch in enumerate(node.inner[:_ONE_BYTE]):
            self._add(f"{'elif' if number else 'if'} n == {number * 2}:")
            self._indent(1)
            most = max(most, self.value(branch, depth + 1, into))
            if self._source.as_json and branch.kind != "null":
                self._add(f"{into} = {{{_literal(branch.tag)}: {into}}}")
            self._indent(-1)
        self._add("else: raise GaveUp")
        return most + 1

    def _array(self, node: AvroType, depth: int, into: str) -> int:
        item = self._source.name("v")
        self._add(f"{into} = []")
        return self._blocks(node, depth, item, before=(), after=f"{into}.append({item})")

    def _map(self, node: AvroType, depth: int, into: str) -> int:
        key, item = self._source.name("k"), self._source.name("v")
        self._add(f"{into} = {{}}")
        text = (line.format(into=key) for line in _SIMPLE["string"])
        return self._blocks(
            node, depth, item, (*text, f"if {key} in {into}: raise GaveUp"), after=f"{into}[{key}] = {item}"
        )

    def _blocks(self, node: AvroType, depth: int, item: str, before: tuple[str, ...], after: str) -> int:
        self._deeper(depth)
        count = self._source.name("n")
        self._add(f"{count} = data[p]", "p += 1", f"while {count}:")
        self._indent(1)
        self._add(f"if {count} & 129: {count}, p = block(data, p - 1)", f"else: {count} >>= 1")
        here = len(self.lines)
        self._add(f"for _ in range({count}):")
        self._indent(1)
        self._add(*before)
        values = self.value(node.inner[0], depth + 1, item)
        self._add(after)
        self._indent(-1)
        # A record that counts its own values is still an item: the Walker refuses a block of more than it has left.
        bound = f"{self._pad}left -= {f'{count} * {values}' if values > 1 else count}"
        self.lines[here:here] = [bound, f"{self._pad}if left < 0: raise GaveUp"]
        self._add(f"{count} = data[p]", "p += 1")
        self._indent(-1)
        return 1

    def _enum(self, node: AvroType, depth: int, into: str) -> int:
        name = self._source.name("symbols")
        self._source.constants[name] = {n * 2: symbol for n, symbol in enumerate(node.symbols[:_ONE_BYTE])}
        self._add(f"{into} = {name}[data[p]]", "p += 1")
        return 1

    def _bytes(self, _node: AvroType, _depth: int, into: str) -> int:
        self._add(*_LENGTH, f"{into} = {self._octets()}")
        return 1

    def _fixed(self, node: AvroType, _depth: int, into: str) -> int:
        self._add("q = p", f"p += {node.size}", "if p > len(data): raise GaveUp", f"{into} = {self._octets()}")
        return 1

    def _float(self, _node: AvroType, _depth: int, into: str) -> int:
        return self._number(into, "float_at(data, p)[0]", 4)

    def _double(self, _node: AvroType, _depth: int, into: str) -> int:
        return self._number(into, "double_at(data, p)[0]", 8)

    def _number(self, into: str, value: str, size: int) -> int:
        self._add(f"{into} = {f'named({value})' if self._source.as_json else value}", f"p += {size}")
        return 1

    def _octets(self) -> str:
        return 'data[q:p].decode("latin-1")' if self._source.as_json else "data[q:p]"

    def _deeper(self, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise Unfit
        self.deepest = max(self.deepest, depth)

    def _add(self, *lines: str) -> None:
        self.lines += [self._pad + line for line in lines]

    def _indent(self, by: int) -> None:
        self._pad = " " * (len(self._pad) + by)


# `length` returns twice a length, as a length of one byte has it.
_LENGTH: Final = ("n = data[p]", "if n & 129: n, p = length(data, p)", "q = p + 1", "p = q + (n >> 1)")
_VARINT: Final = ("n = data[p]", "if n > 127: {{into}}, p = {0}(data, p)", "else:",
                  " {{into}} = (n >> 1) ^ -(n & 1)", " p += 1")  # fmt: skip
_SIMPLE: Final[dict[str, tuple[str, ...]]] = {
    "null": ("{into} = None",),
    "boolean": ("{into} = (False, True)[data[p]]", "p += 1"),
    "int": tuple(line.format("int32") for line in _VARINT),
    "long": tuple(line.format("long") for line in _VARINT),
    "string": (*_LENGTH, "{into} = data[q:p].decode()"),
}


def _event_id(root: AvroType) -> AvroType:
    """The record of EventId, the last field of `root`. Where it stands in earlier fields too, the last one counts."""
    last = root.fields[-1]
    if last.name != FIELD or last.type.kind != "record" or id(last.type) in _cyclic(root):
        raise Unfit
    return last.type


def _literal(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name):
        raise Unfit
    return f'"{name}"'


def _cyclic(root: AvroType) -> frozenset[int]:
    """Return the identities of types through which every cycle of the graph goes."""
    found, seen, around = set[int](), set[int](), set[int]()

    def search(node: AvroType, depth: int) -> None:
        if id(node) in around:
            found.add(id(node))
        if id(node) in seen:
            return
        if depth > _MAX_SEARCH or len(seen) > MAX_NODES * 4:
            raise Unfit
        seen.add(id(node))
        around.add(id(node))
        for inner in (*node.inner, *(item.type for item in node.fields)):
            search(inner, depth + 1)
        around.discard(id(node))

    search(root, 0)
    return frozenset(found)
