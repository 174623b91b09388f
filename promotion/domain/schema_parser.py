"""From a schema's text to its type graph, within bounds and with the place of what is wrong."""

import json
import re
from typing import Any

from promotion.domain.avro_match import DECIMAL
from promotion.domain.avro_type import NO_DEFAULT, PRIMITIVES, AvroField, AvroType
from promotion.errors import InvalidInput

MAX_TEXT_BYTES = 1024 * 1024
_MAX_DEPTH = 64
_MAX_NAMES = 20_000  # named types, fields and symbols together
_MAX_FIXED_BYTES = 1024 * 1024
_MAX_NAME_LENGTH = 512
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class MalformedSchema(InvalidInput):
    """A text that is not an Avro schema, or one beyond the bounds."""


def parse_type(text: str) -> AvroType:
    """Return the type graph of a schema's JSON text."""
    if len(text) > MAX_TEXT_BYTES or len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise MalformedSchema(f"The schema is larger than {MAX_TEXT_BYTES:,} bytes.")
    try:
        raw = json.loads(text)
        text.encode()
    except json.JSONDecodeError as error:
        raise MalformedSchema(
            f"The schema is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise MalformedSchema("The schema is nested too deeply.") from None
    except ValueError:
        raise MalformedSchema("The schema holds a number or a character that cannot be read.") from None
    return _Parser().parse(raw, "", "$", 0)


class _Parser:
    def __init__(self) -> None:
        self._named: dict[str, AvroType] = {}
        self._primitives = {kind: AvroType(kind) for kind in PRIMITIVES}
        self._names = 0

    def parse(self, raw: Any, namespace: str, path: str, depth: int) -> AvroType:
        if depth > _MAX_DEPTH:
            raise MalformedSchema(f"The schema is nested more than {_MAX_DEPTH} deep.")
        match raw:
            case str():
                return self._reference(raw, namespace, path)
            case list():
                return self._union(raw, namespace, path, depth)
            case dict():
                return self._declared(raw, namespace, path, depth)
            case _:
                raise MalformedSchema(f"{path}: a type is a name, an object or a list of branches.")

    def _reference(self, name: str, namespace: str, path: str) -> AvroType:
        if name in self._primitives:
            return self._primitives[name]
        qualified = name if "." in name or not namespace else f"{namespace}.{name}"
        found = self._named.get(qualified) or self._named.get(name)  # Java falls back to no namespace too
        if found is None:
            raise MalformedSchema(f"{path}: the type {_short(name)} is not defined before it is used.")
        return found

    def _union(self, raw: list[Any], namespace: str, path: str, depth: int) -> AvroType:
        self._count(len(raw))
        branches = tuple(self.parse(item, namespace, f"{path}[{n}]", depth + 1) for n, item in enumerate(raw))
        tags = [branch.tag for branch in branches]
        if not tags or "union" in tags:
            raise MalformedSchema(f"{path}: a union has branches, and none of them is a union.")
        if len(set(tags)) != len(tags):
            raise MalformedSchema(f"{path}: two branches of the union have the same type.")
        return AvroType("union", inner=branches)

    def _declared(self, raw: dict[str, Any], namespace: str, path: str, depth: int) -> AvroType:
        kind = raw.get("type")
        match kind:
            case "record" | "error":
                return self._record(raw, namespace, path, depth)
            case "enum":
                return self._enum(raw, namespace, path)
            case "fixed":
                return self._fixed(raw, namespace, path)
            case "array" | "map":
                key = "items" if kind == "array" else "values"
                if key not in raw:
                    raise MalformedSchema(f"{path}: the {kind} has no {key}.")
                inner = self.parse(raw[key], namespace, f"{path}.{key}", depth + 1)
                return AvroType(kind, inner=(inner,))
            case str() if kind in PRIMITIVES:
                return AvroType(kind, logical=_logical(raw)) if _logical(raw) else self._primitives[kind]
            case None:
                raise MalformedSchema(f"{path}: the type is missing.")
            case _:
                return self.parse(kind, namespace, f"{path}.type", depth + 1)

    def _record(self, raw: dict[str, Any], namespace: str, path: str, depth: int) -> AvroType:
        node, space = self._define("record", raw, namespace, path)
        fields = raw.get("fields")
        if not isinstance(fields, list):
            raise MalformedSchema(f"{path}: the record {node.name} has no list of fields.")
        self._count(len(fields))
        node.fields = tuple(self._field(item, space, f"{path}.fields[{n}]", depth) for n, item in enumerate(fields))
        if len({item.name for item in node.fields}) != len(node.fields):
            raise MalformedSchema(f"{path}: the record {node.name} has two fields of the same name.")
        return node

    def _field(self, raw: Any, namespace: str, path: str, depth: int) -> AvroField:
        if not isinstance(raw, dict) or "type" not in raw:
            raise MalformedSchema(f"{path}: a field is an object with a name and a type.")
        name = raw.get("name")
        if not isinstance(name, str) or len(name) > _MAX_NAME_LENGTH or not _NAME.fullmatch(name):
            raise MalformedSchema(f"{path}: {_short(name)} is not a name.")
        node = self.parse(raw["type"], namespace, f"{path}.type", depth + 1)
        doc = raw.get("doc")
        default = raw.get("default", NO_DEFAULT)
        return AvroField(name, node, default, doc if isinstance(doc, str) else "", _aliases(raw, ""))

    def _enum(self, raw: dict[str, Any], namespace: str, path: str) -> AvroType:
        node, _ = self._define("enum", raw, namespace, path)
        symbols = raw.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(s, str) and _NAME.fullmatch(s) for s in symbols):
            raise MalformedSchema(f"{path}: the enum {node.name} has no list of symbols that are names.")
        self._count(len(symbols))
        if not symbols or len(set(symbols)) != len(symbols):
            raise MalformedSchema(f"{path}: the enum {node.name} has no symbols, or one of them twice.")
        node.symbols = tuple(symbols)
        return node

    def _fixed(self, raw: dict[str, Any], namespace: str, path: str) -> AvroType:
        node, _ = self._define("fixed", raw, namespace, path)
        size = raw.get("size")
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MAX_FIXED_BYTES:
            raise MalformedSchema(f"{path}: the size of {node.name} is not a number from 0 to {_MAX_FIXED_BYTES:,}.")
        node.size = size
        return node

    def _define(self, kind: str, raw: dict[str, Any], namespace: str, path: str) -> tuple[AvroType, str]:
        """Enter a named type before its fields are read, since they may refer to it; also return its namespace."""
        name, space = raw.get("name"), raw.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(space, str):
            raise MalformedSchema(f"{path}: the {kind} has no name.")
        full_name = name if "." in name or not space else f"{space}.{name}"
        if len(full_name) > _MAX_NAME_LENGTH or not _FULL_NAME.fullmatch(full_name) or full_name in PRIMITIVES:
            raise MalformedSchema(f"{path}: {_short(full_name)} is not a name.")
        if full_name in self._named:
            raise MalformedSchema(f"{path}: the type {full_name} is defined twice.")
        space = full_name.rpartition(".")[0]
        self._count(1)
        node = AvroType(kind, full_name, aliases=_aliases(raw, space), logical=_logical(raw))
        self._named[full_name] = node
        return node, space

    def _count(self, names: int) -> None:
        self._names += names
        if self._names > _MAX_NAMES:
            raise MalformedSchema(f"The schema has more than {_MAX_NAMES:,} names.")


def _aliases(raw: dict[str, Any], namespace: str) -> tuple[str, ...]:
    aliases = raw.get("aliases")
    if not isinstance(aliases, list):
        return ()
    names = (alias for alias in aliases[:100] if isinstance(alias, str))
    return tuple(name if "." in name or not namespace else f"{namespace}.{name}" for name in names)


def _logical(raw: dict[str, Any]) -> str:
    logical = raw.get("logicalType")
    if not isinstance(logical, str):
        return ""
    if logical == DECIMAL:  # which number it is depends on both
        return f"{logical}({_digits(raw.get('precision'))}, {_digits(raw.get('scale', 0))})"
    return logical[:100]


def _digits(number: object) -> str:
    return str(number) if type(number) is int and 0 <= number <= _MAX_FIXED_BYTES * 3 else "?"


def _short(name: object) -> str:
    """A name out of a schema, safe and short enough for a message."""
    return ascii(name)[:80]
