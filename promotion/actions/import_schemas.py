"""In which schema an event of a file is written: the first known one that takes all of it, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promotion.actions.outgoing import Body
from promotion.actions.schema_source import Schemas, strategy_of
from promotion.actions.schemas import store_schema
from promotion.domain.connection import subject
from promotion.domain.event_id import FIELD
from promotion.domain.files.event_ids import whole_value
from promotion.domain.files.items import FileEvent
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import MalformedSchema, Schema, parse
from promotion.errors import InvalidInput
from promotion.models import AvroSchema, Environment

#: Schemas of one type that are tried, the target's newest one first.
MOST_TRIED = 20
LATER = "userId"


class NoSchemaFits(InvalidInput):
    """An event that no known schema of its type takes; `problems` are those with the first one."""


@dataclass(frozen=True, slots=True)
class Written:
    """An event's Avro body, and the row of the schema that it is written in."""

    body: Body
    schema_id: int


class FileSchemas:
    """The schemas of the types that a file names. Raises Unreachable and the like as the registry does."""

    def __init__(self, registry: Schemas, target: Environment) -> None:
        self._registry = registry
        self._topic = target.topic
        self._strategy = strategy_of(registry, target)
        self._known: dict[str, list[tuple[Schema, int]]] = {}

    def encode(self, full_name: str, event: FileEvent) -> Written:
        """Return the event's body in the first schema that takes it. Raises NoSchemaFits."""
        first: InvalidInput | None = None
        for schema, row in self._schemas(full_name):
            try:
                value = whole_value(schema, event)
                _check_generation(schema, value)
                return Written(Body(schema, from_json_value(schema, value)), row)
            except InvalidInput as error:
                first = first or error
        if first is None:
            raise NoSchemaFits(
                f"No schema of {full_name} is known.", "Register it with the target, or export an event of it once."
            )
        raise NoSchemaFits(first.message, first.hint, first.problems)

    def _schemas(self, full_name: str) -> list[tuple[Schema, int]]:
        if full_name not in self._known:
            self._known[full_name] = list(self._look_up(full_name).values())
        return self._known[full_name]

    def _look_up(self, full_name: str) -> Mapping[str, tuple[Schema, int]]:
        found: dict[str, tuple[Schema, int]] = {}
        latest = self._registry.latest(subject(self._strategy, self._topic, full_name))
        texts = [latest.text] if latest is not None else []
        rows = AvroSchema.objects.filter(full_name=full_name).order_by("-pk")[:MOST_TRIED]
        for text in (*texts, *(row.text for row in rows)):
            try:
                schema = parse(text)
            except MalformedSchema:
                continue
            if schema.full_name == full_name and schema.root.kind == "record":
                found.setdefault(schema.sha256, (schema, store_schema(text).pk))
        return found


def _check_generation(schema: Schema, value: Any) -> None:
    """Refuse an older EventId for a later schema, even where that has defaults: its `id` is the user's, not its own."""
    fields = next((item.type.fields for item in schema.root.fields if item.name == FIELD), ())
    said = value.get(FIELD) if isinstance(value, dict) else None
    if isinstance(said, dict) and LATER not in said and any(item.name == LATER for item in fields):
        raise InvalidInput(
            f"{FIELD} has no {LATER}, and {schema.full_name} is of the later generation.",
            f"Give it {LATER}, or let a rule convert the event after it was imported in its own generation.",
        )
