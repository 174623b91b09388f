"""Which event type amends a thing, and in which schema: the target's latest of it, else the one we know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from promotion.actions.schema_source import Schemas, strategy_of
from promotion.actions.schemas import store_schema
from promotion.domain.connection import subject
from promotion.domain.names import split_name
from promotion.domain.schema import MalformedSchema, Schema, parse
from promotion.errors import NotFound, Refused
from promotion.models import AvroSchema, Environment, EventType

UPDATED = "Updated"


def actions_of(aggregate: str) -> list[str]:
    """Return the actions of the types of `aggregate` that may travel, Updated first."""
    found = EventType.objects.promotable().filter(aggregate=aggregate).values_list("action", flat=True)
    return sorted({each for each in found if each}, key=lambda each: (each != UPDATED, each))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A type and the schema that its amendments are written in."""

    type: EventType
    row: AvroSchema
    schema: Schema


class AmendTypes:
    """Chooses types; catalogue and registry are asked once for each answer."""

    def __init__(self, registry: Schemas, target: Environment) -> None:
        self._registry = registry
        self._topic = target.topic
        self._strategy = strategy_of(registry, target)
        self._schemas: dict[int, Chosen] = {}

    def choose(self, aggregate: str, action: str, newest: str) -> Chosen:
        """Return the type of this aggregate and action that may travel. `newest` is the type of its last record.

        Of several the one in the namespace of `newest` is taken, then one of the catalogue. Raises Refused.
        """
        every = [each for each in self._by_aggregate.get(aggregate, ()) if each.action == action]
        if not every:
            raise Refused(_none(aggregate, action))
        namespace = newest.rpartition(".")[0]
        found = min(every, key=lambda each: (each.namespace != namespace, not each.in_catalogue, each.full_name))
        if found.pk not in self._schemas:
            self._schemas[found.pk] = self._with_schema(found)
        return self._schemas[found.pk]

    @cached_property
    def _by_aggregate(self) -> dict[str, list[EventType]]:
        found: dict[str, list[EventType]] = {}
        for each in EventType.objects.promotable().select_related("schema"):
            found.setdefault(each.aggregate, []).append(each)
        return found

    def _with_schema(self, found: EventType) -> Chosen:
        try:
            latest = self._registry.latest(subject(self._strategy, self._topic, found.full_name))
            if latest is not None and parse(latest.text).full_name == found.full_name:
                return Chosen(found, store_schema(latest.text), parse(latest.text))
        except (MalformedSchema, NotFound):
            pass  # the registry's is none of ours: the plan says what becomes of events in the one we know
        return Chosen(found, found.schema, parse(found.schema.text))


def _none(aggregate: str, action: str) -> str:
    known = EventType.objects.filter(aggregate=aggregate, action=action).first()
    others = ", ".join(actions_of(aggregate)) or "none"
    if known is None:
        return f"{aggregate} has no event type for {action}; those that may travel are: {others}"
    return f"{split_name(known.full_name).aggregate}{action} may not travel: a curator decides; others are: {others}"
