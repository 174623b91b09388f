"""From an Avro body to plain values, quickly where that is proven safe."""

import io
from typing import Any

import fastavro

from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.schema import Schema
from promotion.domain.walk import Walker
from promotion.domain.wire import MalformedValue

__all__ = ["DEFAULT_LIMITS", "Limits", "MalformedValue", "decode", "is_fast", "read"]

_INT_MAX = 2**31


def decode(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the datum of `body` as plain values; MalformedValue says where and why it is not one.

    Records are dicts in the schema's order, bytes are bytes, logical types stay what they are made of, and a union's
    value stands without its branch.
    """
    if is_fast(schema, len(body), limits):
        value = _with_fastavro(schema, body)
        if value is not _UNPROVEN:
            return value
    return Walker(body, limits).whole(schema.root)


def read(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, Any]:
    """Return the record of `body`, as `decode` does; MalformedValue where the schema is not a record's."""
    if schema.root.kind != "record":
        raise MalformedValue(f"the schema is of a {schema.root.kind}, and an event is a record")
    record: dict[str, Any] = decode(schema, body, limits)
    return record


def is_fast(schema: Schema, size: int, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Return whether fastavro may decode a body of `size` bytes: what it can grow to is known and within the limits."""
    return (
        schema.parsed is not None
        and schema.int_fields is not None
        and schema.cost.depth <= limits.max_depth
        and size <= limits.max_value_bytes
        and schema.cost.values_in(size) <= limits.max_values
    )


_UNPROVEN = object()


def _with_fastavro(schema: Schema, body: bytes) -> Any:
    """Return what fastavro reads if it is exactly what was written, else _UNPROVEN.

    fastavro 1.13 takes negative indexes from the end, lets numbers overflow and drops a map's repeated keys. What it
    read must therefore encode to the very same bytes. Where it does not (several blocks in an array, a union that
    the value fits twice, or a malformed body) the bounded walker decides.
    """
    try:
        value: Any = fastavro.schemaless_reader(io.BytesIO(body), schema.parsed, None)
        again = io.BytesIO()
        fastavro.schemaless_writer(again, schema.parsed, value)
    except Exception:  # noqa: BLE001 - fastavro raises whatever Python raised inside; the walker names the fault
        return _UNPROVEN
    if again.getvalue() != body:
        return _UNPROVEN
    for name in schema.int_fields or ():
        if not -_INT_MAX <= value[name] < _INT_MAX:
            return _UNPROVEN
    return value
