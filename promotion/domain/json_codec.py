"""Avro's JSON encoding of an event, exactly both ways: what was not edited comes back byte for byte."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from promotion.domain.decoders import GAVE_UP
from promotion.domain.encode import Encoder, Problem, TooMuch
from promotion.domain.json_text import MalformedJson, dump_json, parse_json
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.schema import Schema
from promotion.domain.search_document import search_document, search_json
from promotion.domain.walk import JsonWalker
from promotion.errors import InvalidInput

__all__ = [
    "DoesNotFit",
    "MalformedJson",
    "Problem",
    "dump_json",
    "from_json",
    "from_json_value",
    "parse_json",
    "search_document",
    "search_json",
    "to_json",
    "to_json_value",
]


class DoesNotFit(InvalidInput):
    """A JSON value that its schema refuses. `found` has every problem, `problems` the same as text."""

    def __init__(self, schema: Schema, found: Sequence[Problem]) -> None:
        count = "one place" if len(found) == 1 else f"{len(found)} places"
        super().__init__(
            f"The value does not fit {schema.full_name} in {count}.",
            "Correct each of them.",
            [str(problem) for problem in found],
        )
        self.found = list(found)


def to_json_value(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the datum of `body` as the value of Avro's JSON encoding (see JsonWalker); MalformedValue if it is none.

    Ints and longs are Python ints with all their digits. Fields stand in the schema's order.
    """
    if limits is DEFAULT_LIMITS:
        try:
            return schema.decoders.as_json(body)
        except GAVE_UP:
            pass
    return JsonWalker(body, limits).whole(schema.root)


def to_json(schema: Schema, body: bytes, limits: Limits = DEFAULT_LIMITS) -> str:
    """Return the datum of `body` as indented JSON text for the editor."""
    return dump_json(to_json_value(schema, body, limits))


def from_json(schema: Schema, text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the Avro body of a JSON text; MalformedJson where it is not JSON, DoesNotFit with every problem."""
    return from_json_value(schema, parse_json(text, limits), limits)


def from_json_value(schema: Schema, value: Any, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the Avro body of a JSON value.

    A union's value may stand with its branch, `{"string": "x"}`, or without: then the first branch that it fits is
    taken. A missing field takes its default; a field that the schema does not know is a problem, never dropped.
    """
    encoder = Encoder(limits)
    with suppress(TooMuch):  # it has left a problem
        encoder.write(schema.root, value, None)
    if encoder.failures:
        raise DoesNotFit(schema, encoder.problems)
    return bytes(encoder.out)
