"""Types that stand in another namespace on the target: looked for where its registry does not have the type itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from promotion.actions.schema_source import Schemas
from promotion.domain.connection import SubjectStrategy, subject
from promotion.domain.schema import MalformedSchema, Schema, parse
from promotion.models import EventType

#: Types of one short name that are looked for.
MOST_MOVED = 10


@dataclass(frozen=True, slots=True)
class Moved:
    """The latest schema of a type of the same short name: under `subject`, with the registry's id."""

    subject: str
    schema: Schema
    registry_id: int
    text: str


def moved(registry: Schemas, strategy: SubjectStrategy, topic: str, full_name: str) -> list[Moved]:
    """Return what the target has of promotable types that `full_name` may have moved to.

    The short name alone is a hint and no proof: see docs/decisions/0016-schema-generations.md. Raises Unreachable and
    the like.
    """
    own = subject(strategy, topic, full_name)
    names = {subject(strategy, topic, name) for name in _same_short_name(full_name)} - {own}
    return list(_latest(registry, sorted(names)))


def _same_short_name(full_name: str) -> list[str]:
    short = full_name.rpartition(".")[2]
    found = EventType.objects.promotable().filter(full_name__endswith=f".{short}").exclude(full_name=full_name)
    return list(found.order_by("full_name").values_list("full_name", flat=True)[:MOST_MOVED])


def _latest(registry: Schemas, names: list[str]) -> Iterator[Moved]:
    for name in names:
        latest = registry.latest(name)
        if latest is None:
            continue
        try:
            yield Moved(name, parse(latest.text), latest.id, latest.text)
        except MalformedSchema:
            continue  # nothing of ours can be written in it
