"""New UUIDs that are the same at every pass: made from seeds, positions and values, never from chance."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from promotion.domain.rewrite.actions import Generate, MapGenerate, Scope
from promotion.domain.rewrite.fitting import GIVEN, plain
from promotion.domain.rewrite.places import Spot
from promotion.domain.rewrite.rule import Rule
from promotion.domain.rewrite.setting import NO_VALUE, new_fields
from promotion.domain.rewrite.values import Act, each_text, in_turn, nothing, put_text
from promotion.domain.rewrite.work import Seeds, Shape, Work


def generate(action: Generate, shape: Shape, rule: Rule, seeds: Seeds) -> Act:
    """Return what puts a new UUID at each place."""
    place, seed = shape.place(action.path), rule_seed(rule, seeds)

    def act(work: Work) -> None:
        for spot in place.spots(work.holder) if place is not None else ():
            put_text(work, spot, positioned(seed, work, spot.exact))

    def value(work: Work, record: Spot) -> str:
        return positioned(seed, work, f"{record.exact}.{action.path.field}".removeprefix("."))

    return in_turn(nothing if place is None else act, new_fields(action.path, shape, value))


def rule_seed(rule: Rule, seeds: Seeds) -> UUID:
    """Return what a rule's generated UUIDs are made from, in one promotion."""
    return uuid5(seeds.promotion, str(rule.id))


def positioned(seed: UUID, work: Work, exact: str) -> str:
    """Return the UUID of one place in one event."""
    return str(uuid5(seed, f"{work.facts.partition}:{work.facts.offset}:{exact}"))


def map_generate(action: MapGenerate, shape: Shape, seeds: Seeds, sensitive: bool) -> Act:
    """Return what puts the UUID of a source value at each place; without such a value nothing changes.

    A source in the same record as the place is the place's own: `items[*].newId` from `items[*].oldId`, item by item.
    """
    place = shape.place(action.path)
    seed = seeds.pair if action.scope is Scope.PAIR else seeds.promotion
    if action.source is None:
        return each_text(
            shape.seen(action.path, sensitive), lambda _work, _spot, text: mapped(seed, text), ("string", GIVEN)
        )
    source = shape.seen(action.source, sensitive)
    if source is None:
        return nothing
    beside = action.source.field if action.source.parts[:-1] == action.path.parts[:-1] else ""

    def act(work: Work) -> None:
        origins = source.spots(work.holder)
        own = {id(each.container): each for each in origins if beside}
        for spot in place.spots(work.holder) if place is not None else ():
            nearest = own.get(id(spot.container))
            put_text(work, spot, mapped(seed, source_text(origins if nearest is None else [nearest])))

    def value(work: Work, record: Spot) -> Any:
        fields = record.container[record.key]
        origins = source.spots(work.holder)
        own = [each for each in origins if beside and each.container is fields]
        return mapped(seed, source_text(own or origins)) or NO_VALUE

    return in_turn(nothing if place is None else act, new_fields(action.path, shape, value))


def mapped(seed: UUID, text: str | None) -> str | None:
    """Return the UUID of a source value; an empty one counts as missing."""
    return str(uuid5(seed, text)) if text else None


def source_text(origins: list[Spot]) -> str | None:
    """Return the first text or whole number there is; an empty text counts as missing."""
    for spot in origins:
        value = plain(spot.node, spot.container[spot.key])
        if (isinstance(value, str) and value) or type(value) is int:
            return str(value)
    return None
