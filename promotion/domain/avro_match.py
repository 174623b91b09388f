"""Which of the reader's types and fields takes a value of the writer's: what resolving does and describing says."""

from promotion.domain.avro_type import AvroField, AvroType

SAME_BYTES = frozenset({("int", "long"), ("string", "bytes"), ("bytes", "string")})
TO_FLOATING = frozenset(
    {("int", "float"), ("int", "double"), ("long", "float"), ("long", "double"), ("float", "double")}
)
DECIMAL = "decimal"


def same_name(writer: AvroType, reader: AvroType) -> bool:
    """Whether the reader's type has the writer's full name, or knows it as an alias. Types without a name have one."""
    return writer.name == reader.name or writer.name in reader.aliases


def matches(writer: AvroType, reader: AvroType) -> bool:
    """Whether a value of `writer` may become one of `reader`, by kind and name; what stands inside is seen later."""
    if writer.kind != reader.kind:
        pair = (writer.kind, reader.kind)
        return reader.kind == "union" or pair in SAME_BYTES or pair in TO_FLOATING
    return same_name(writer, reader) and (writer.kind != "fixed" or writer.size == reader.size)


def branch_for(writer: AvroType, union: AvroType) -> int | None:
    """Return the index of the union's branch that takes a value of `writer`: of the same kind, else a wider one."""
    fitting = [index for index, branch in enumerate(union.inner) if matches(writer, branch)]
    exact = [index for index in fitting if union.inner[index].kind == writer.kind]
    return next(iter(exact + fitting), None)


def targets(writer: AvroType, reader: AvroType) -> dict[str, AvroField]:
    """The reader's field for each of the writer's: of the same name, else the one that has its name as an alias."""
    by_name = {item.name: item for item in reader.fields}
    names = {item.name for item in writer.fields}
    by_alias = {alias: item for item in reader.fields if item.name not in names for alias in item.aliases}
    taken: set[str] = set()
    found = {}
    for item in writer.fields:
        target = by_name.get(item.name) or by_alias.get(item.name)
        if target is not None and target.name not in taken:
            taken.add(target.name)
            found[item.name] = target
    return found


def other_meaning(writer: str, reader: str) -> bool:
    """Whether the same bytes mean something else under the reader's logical type than under the writer's; "" is none.

    Two different logical types measure in other units. A decimal on one side only counts as well: without its scale
    the digits are another number. Any other logical type on one side only says how to show a value that stays the
    same (Avro specification, "Logical Types": the encoding is the underlying type's).
    """
    if writer == reader:
        return False
    return bool(writer and reader) or writer.startswith(DECIMAL) or reader.startswith(DECIMAL)
