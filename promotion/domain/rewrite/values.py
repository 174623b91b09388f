"""Actions that change values and leave the event's fields as they are, made ready for one shape of events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promotion.domain.avro_type import AvroType
from promotion.domain.event_id import FIELD
from promotion.domain.rewrite.actions import MapValues, Otherwise, Regex, Replace, Shift
from promotion.domain.rewrite.fitting import GIVEN, Filling, Unfit, equal, leaf, plain, same
from promotion.domain.rewrite.holds import needle
from promotion.domain.rewrite.pattern import Template, TooMuchText, compiled
from promotion.domain.rewrite.places import Place, Spot
from promotion.domain.rewrite.work import Shape, Work

Act = Callable[[Work], None]
_UNITS = {"micros": 1_000, "nanos": 1_000_000}  # in a millisecond
_LONG = 2**63


def nothing(_work: Work) -> None:
    """Do nothing: no event of this shape has such a place."""


def in_turn(*acts: Act) -> Act:
    """Return what does one after the other."""
    real = [act for act in acts if act is not nothing]
    if len(real) < 2:
        return real[0] if real else nothing

    def act(work: Work) -> None:
        for each in real:
            each(work)

    return act


def fill(work: Work, spot: Spot, filling: Filling) -> None:
    """Put a value there if it is another one; a problem where it does not fit."""
    container, key, node = spot.container, spot.key, spot.node
    current = container[key]
    try:
        value = filling.instead_of(node, current)
    except Unfit as unfit:
        work.problem(f"the value does not fit at {spot.path}: {unfit}.")
        return
    if not same(current, value):
        work.put(spot, container, key, value, plain(node, current), plain(node, value))


def replace(action: Replace, shape: Shape, sensitive: bool) -> Act:
    """Return what replaces one whole value by another."""
    place = shape.seen(action.path, sensitive)
    if place is None:
        return nothing
    old, filling = action.old, Filling(action.new)
    may_hold = needle(place, (old,))

    def act(work: Work) -> None:
        if may_hold is not None and not may_hold(work):
            return
        for spot in place.spots(work.holder):
            container, key, _ = leaf(spot.container, spot.key, spot.node)
            if equal(container[key], old):
                fill(work, spot, filling)

    return act


def regex(action: Regex, shape: Shape, sensitive: bool) -> Act:
    """Return what replaces the matches of a pattern in texts."""
    pattern = compiled(action.pattern)
    template = Template(action.template, pattern.groups)

    def change(work: Work, spot: Spot, text: str) -> str | None:
        try:
            return pattern.replaced(text, template)
        except TooMuchText as error:
            work.problem(f"the pattern cannot be applied at {spot.path}: {error}.")
            return None

    return each_text(shape.seen(action.path, sensitive), change, ("string", GIVEN))


def map_values(action: MapValues, shape: Shape, sensitive: bool) -> Act:
    """Return what replaces texts and symbols by a table."""
    table, strict = action.table, action.otherwise is Otherwise.INVALID

    def change(work: Work, spot: Spot, text: str) -> str | None:
        found = table.get(text)
        if found is None and strict:
            work.problem(f"the value at {spot.path} is not in the table.")
        return found

    return each_text(shape.seen(action.path, sensitive), change, ("string", "enum", GIVEN))


def shift(action: Shift, shape: Shape, sensitive: bool) -> Act:
    """Return what moves timestamps. EventId.timestamp stays 0, which says that it was not set."""
    place = shape.seen(action.path, sensitive)
    if place is None:
        return nothing

    def act(work: Work) -> None:
        for spot in place.spots(work.holder):
            container, key, node = leaf(spot.container, spot.key, spot.node)
            before = container[key]
            if node.kind != "long" or (before == 0 and spot.path == f"{FIELD}.timestamp"):
                continue
            after = before + action.milliseconds * _per_millisecond(node)
            if -_LONG <= after < _LONG:
                work.put(spot, container, key, after, before, after)
            else:
                work.problem(f"the timestamp at {spot.path} would be out of range.")

    return act


def each_text(place: Place | None, change: Callable[[Work, Spot, str], str | None], kinds: tuple[str, ...]) -> Act:
    """Return what asks `change` for each text of `kinds` what becomes of it; None leaves it."""
    if place is None:
        return nothing

    def act(work: Work) -> None:
        for spot in place.spots(work.holder):
            container, key, node = leaf(spot.container, spot.key, spot.node)
            before = container[key]
            if node.kind not in kinds or not isinstance(before, str):
                continue
            after = change(work, spot, before)
            if after is None or after == before:
                continue
            if node.kind == "enum" and after not in node.symbols:
                work.problem(f"the enum at {spot.path} has no such symbol.")
            else:
                work.put(spot, container, key, after, before, after)

    return act


def put_text(work: Work, spot: Spot, text: str | None) -> None:
    """Put a text where one can stand, a null one included; elsewhere nothing."""
    container, key, node = leaf(spot.container, spot.key, spot.node)
    before = container[key]
    value: Any = text
    if node.kind == "union":  # it is null
        if not any(branch.kind == "string" for branch in node.inner):
            return
        value = {"string": text}
    elif node.kind not in ("string", GIVEN):
        return
    if text is not None and before != text:
        work.put(spot, container, key, value, before, text)


def _per_millisecond(node: AvroType) -> int:
    return _UNITS.get(node.logical.rpartition("-")[2], 1) if "timestamp-" in node.logical else 1
