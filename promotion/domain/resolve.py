"""Avro's schema resolution from bytes to bytes, stricter than the specification: nothing is lost or changed silently.

The specification drops a field that the reader does not have and turns an unknown symbol into the enum's default.
Here both are refused, since the record would be stored in the target with less than it had. Refused as well is another
logical type: of a decimal the specification says so itself, and milliseconds read as microseconds are another time.
"""

import struct

from promotion.domain.avro_match import branch_for, matches, other_meaning, same_name, targets
from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.encode import Encoder, Path, Problem, TooMuch, render, zigzag
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.octets import visible
from promotion.domain.schema import Schema
from promotion.domain.walk import Fault, Walker
from promotion.errors import Refused

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")


class Unresolvable(Refused):
    """A value that the reader's schema cannot take over in full. `found` has every problem."""

    def __init__(self, message: str, hint: str, found: list[Problem]) -> None:
        super().__init__(message, hint, [str(problem) for problem in found])
        self.found = found


def resolve(body: bytes, writer: Schema, reader: Schema, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return `body`, written with `writer`, as `reader` has it; MalformedValue where it is not the writer's.

    Fields the reader adds take their defaults, renamed ones follow the reader's aliases, numbers are widened where
    that is exact. Unresolvable says where the reader needs what is not there, has another type, or has no place for a
    field. Where `same_bytes` says so the body comes back as it is.
    """
    if same_bytes(writer, reader):
        return body
    if not same_name(writer.root, reader.root):
        raise Unresolvable(
            f"The event is a {writer.full_name}, and the target's schema is a {reader.full_name}.",
            "A type that moved to another namespace is another type: name the old one as an alias in the target's "
            "schema, or exclude the event.",
            [],
        )
    return _Resolver(body, limits).whole(writer, reader)


def same_bytes(writer: Schema, reader: Schema) -> bool:
    """Whether every body of `writer` is the same value of `reader`, byte for byte, and means the same."""
    if writer.fingerprint != reader.fingerprint:
        return False
    return not any(map(other_meaning, writer.meaning, reader.meaning))


class _Resolver:
    def __init__(self, body: bytes, limits: Limits) -> None:
        self._body = body
        self._limits = limits
        self._walker = Walker(body, limits)
        self._defaults = Encoder(limits)
        self._default_bytes = 0
        self._problems: list[Problem] = []

    def whole(self, writer: Schema, reader: Schema) -> bytes:
        try:
            if len(self._body) > self._limits.max_value_bytes:
                raise Fault(f"the value has more than {self._limits.max_value_bytes:,} bytes", 0)
            resolved = self._resolve(writer.root, reader.root, None, 0)
            self._walker.end()
        except Fault as fault:
            raise fault.malformed() from None
        except TooMuch:
            self._problems.append(Problem("$", "a value within the limits", "more", ""))
        if self._problems:
            raise Unresolvable(
                f"The {writer.full_name} cannot be turned into the target's latest schema without a loss.",
                "Edit the event, change the target's schema, or exclude the event.",
                self._problems,
            )
        return resolved

    def _resolve(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        self._walker.count()
        if writer.kind == "union":
            return self._resolve(self._walker.branch(writer), reader, path, self._walker.deeper(depth))
        if reader.kind == "union":
            return self._into_union(writer, reader, path, depth)
        if not matches(writer, reader):
            return self._misfit(writer, reader, path, depth)
        if other_meaning(writer.logical, reader.logical):
            return self._other_meaning(writer, reader, path, depth)
        match writer.kind:
            case "record":
                return self._record(writer, reader, path, depth)
            case "array" | "map":
                return self._items(writer, reader, path, depth)
            case "enum":
                return self._enum(writer, reader, path, depth)
            case "int" | "long" | "float" if reader.kind in ("float", "double"):
                return self._floating(writer, reader, path, depth)
            case _:
                return self._same_bytes(writer, reader, path, depth)

    def _into_union(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        index = branch_for(writer, reader)
        if index is None:
            return self._misfit(writer, reader, path, depth)
        return zigzag(index) + self._resolve(writer, reader.inner[index], path, depth + 1)

    def _record(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        depth = self._walker.deeper(depth)
        found = targets(writer, reader)
        parts: dict[str, bytes] = {}
        for item in writer.fields:
            inside, target = (path, f".{item.name}"), found.get(item.name)
            if target is None:
                self._walker.read(item.type, depth)
                self._problem(inside, "no such field", f"a field of type {item.type}", "It would be lost.")
            else:
                parts[target.name] = self._resolve(item.type, target.type, inside, depth)
        return b"".join(
            parts[item.name] if item.name in parts else self._default(item, (path, f".{item.name}"), depth)
            for item in reader.fields
        )

    def _default(self, item: AvroField, path: Path, depth: int) -> bytes:
        if not item.has_default:
            self._problem(path, str(item.type), "nothing", "The target's schema needs it and has no default for it.")
            return b""
        encoder, failures = self._defaults, self._defaults.failures
        encoder.out.clear()
        encoder.write_default(item, path, depth)
        self._default_bytes += len(encoder.out)
        if self._default_bytes > self._limits.max_value_bytes:
            raise TooMuch
        if encoder.failures > failures:
            self._problem(path, str(item.type), "a default that does not fit", "Mend the target's schema.")
        return bytes(encoder.out)

    def _items(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        depth = self._walker.deeper(depth)
        out, number = bytearray(), 0
        while count := self._walker.block():
            out += zigzag(count)
            for _ in range(count):
                if writer.kind == "map":
                    start = self._walker.pos
                    self._walker.text()
                    out += self._body[start : self._walker.pos]
                out += self._resolve(writer.inner[0], reader.inner[0], (path, f"[{number}]"), depth)
                number += 1
        return bytes(out) + b"\0"

    def _enum(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        symbol = self._walker.read(writer, depth)
        if symbol in reader.symbols:
            return zigzag(reader.symbols.index(symbol))
        self._problem(path, str(reader), f"the symbol {symbol}", "The target's enum does not have it.")
        return b""

    def _floating(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        value = self._walker.read(writer, depth)
        pack = _FLOAT if reader.kind == "float" else _DOUBLE
        packed = pack.pack(value)
        if writer.kind != "float" and int(pack.unpack(packed)[0]) != value:
            self._problem(path, reader.kind, f"a {writer.kind} with more digits", "It would lose some of them.")
        return packed

    def _same_bytes(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        start = self._walker.pos
        value = self._walker.read(writer, depth)
        if (writer.kind, reader.kind) == ("bytes", "string") and not _is_utf8(value):
            self._problem(path, "string", "bytes that are not UTF-8")
        return self._body[start : self._walker.pos]

    def _misfit(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        self._walker.read(writer, depth)
        self._problem(path, str(reader), str(writer))
        return b""

    def _other_meaning(self, writer: AvroType, reader: AvroType, path: Path, depth: int) -> bytes:
        self._walker.read(writer, depth)
        names = [visible(node.logical) or f"{node} without a logical type" for node in (reader, writer)]
        self._problem(path, names[0], names[1], "The same bytes would mean something else.")
        return b""

    def _problem(self, path: Path, expected: str, found: str, hint: str = "") -> None:
        if len(self._problems) < self._limits.max_problems:
            self._problems.append(Problem(render(path), expected, found, hint))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
