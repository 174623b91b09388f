"""An Avro type as a graph of plain objects: names are resolved, so a reference is the type itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NO_DEFAULT: Final = object()


@dataclass(slots=True, eq=False, repr=False)
class AvroType:
    """One type of a schema. `kind` is the primitive's name, or record, enum, fixed, array, map or union.

    `inner` holds the item type of an array, the value type of a map, the branches of a union. `logical` is the name of
    the logical type, a decimal's with its precision and scale: `decimal(10, 2)`. A record may contain itself, so the
    graph may have cycles: whatever walks it bounds its depth.
    """

    kind: str
    name: str = ""
    inner: tuple["AvroType", ...] = ()
    fields: tuple["AvroField", ...] = ()
    symbols: tuple[str, ...] = ()
    size: int = 0
    aliases: tuple[str, ...] = ()
    logical: str = ""

    @property
    def tag(self) -> str:
        """The name of this type as a union's branch in Avro's JSON encoding: the full name, or the kind."""
        return self.name or self.kind

    def __str__(self) -> str:
        """Say what is expected here, for a person: `long`, `array of string`, `one of null, string`."""
        match self.kind:
            case "union":
                return "one of " + ", ".join(branch.tag for branch in self.inner)
            case "array" | "map":
                return f"{self.kind} of {self.inner[0].tag}"
            case "record" | "enum" | "fixed":
                return f"{self.kind} {self.name}"
            case _:
                return self.kind


@dataclass(slots=True, eq=False)
class AvroField:
    """A record's field. `default` is the JSON value as the schema has it, NO_DEFAULT where there is none."""

    name: str
    type: AvroType
    default: Any = NO_DEFAULT
    doc: str = ""
    aliases: tuple[str, ...] = ()
    has_default: bool = field(init=False)

    def __post_init__(self) -> None:
        self.has_default = self.default is not NO_DEFAULT


def canonical_form(root: AvroType) -> str:
    """Return the Parsing Canonical Form (Avro specification, "Transforming into Parsing Canonical Form")."""
    return "".join(_canonical(root, set()))


def logical_types(root: AvroType) -> tuple[str, ...]:
    """Return the logical type of each type in the order in which the canonical form has them; "" where it has none.

    Two schemas of one canonical form that differ here give the same bytes another meaning.
    """
    return tuple(_logical_types(root, set()))


def _logical_types(node: AvroType, seen: set[str]) -> Iterator[str]:
    if node.name in seen:
        return
    if node.name:
        seen.add(node.name)
    yield node.logical
    for inner in (*node.inner, *(item.type for item in node.fields)):
        yield from _logical_types(inner, seen)


def _canonical(node: AvroType, seen: set[str]) -> Iterator[str]:
    if node.name in seen or node.kind in PRIMITIVES:
        yield f'"{node.tag}"'
        return
    if node.name:
        seen.add(node.name)
        yield f'{{"name":"{node.name}","type":"{node.kind}",'
    match node.kind:
        case "record":
            yield '"fields":['
            for number, item in enumerate(node.fields):
                yield f'{"," if number else ""}{{"name":"{item.name}","type":'
                yield from _canonical(item.type, seen)
                yield "}"
            yield "]}"
        case "enum":
            yield '"symbols":[' + ",".join(f'"{symbol}"' for symbol in node.symbols) + "]}"
        case "fixed":
            yield f'"size":{node.size}}}'
        case "array" | "map":
            yield f'{{"type":"{node.kind}","{"items" if node.kind == "array" else "values"}":'
            yield from _canonical(node.inner[0], seen)
            yield "}"
        case "union":
            yield "["
            for number, branch in enumerate(node.inner):
                yield "," if number else ""
                yield from _canonical(branch, seen)
            yield "]"
