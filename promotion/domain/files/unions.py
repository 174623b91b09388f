"""Unions without their branches, for people and tools that do not expect them, where nothing is lost by it."""

from __future__ import annotations

from typing import Any

from promotion.domain.avro_type import AvroType
from promotion.domain.decode import decode
from promotion.domain.json_codec import DoesNotFit, from_json_value, to_json_value
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.schema import Schema
from promotion.domain.walk import JsonWalker


class _PlainWalker(JsonWalker):
    def tagged(self, _branch: AvroType, value: Any) -> Any:
        return value


def plain_json_value(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Any, bool]:
    """Return the value of `body` with its unions untagged, and True; as it is, and False, where that says less.

    It says less where reading it again chooses another branch: a long in `[int, long]`, a text in `[bytes, string]`.
    Raises MalformedValue where `body` is no value of the schema.
    """
    plain = _untagged(schema, body, limits)
    if (again := _encoded(schema, plain, limits)) == body:
        return plain, True
    tagged = to_json_value(schema, body, limits)
    # A body that another encoder wrote differs from ours in how it is written, not in what it says.
    same = again is not None and again == _encoded(schema, tagged, limits)
    return (plain, True) if same else (tagged, False)


def _untagged(schema: Schema, body: bytes, limits: Limits) -> Any:
    """Where nothing is written otherwise than as JSON, the value that `decode` returns is that of the walker."""
    if schema.decoders.as_in_json:
        return decode(schema, body, limits)
    return _PlainWalker(body, limits).whole(schema.root)


def _encoded(schema: Schema, value: Any, limits: Limits) -> bytes | None:
    try:
        return from_json_value(schema, value, limits)
    except DoesNotFit:
        return None
