"""Puts a value where a type is expected: what it becomes there, or why it does not fit."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

from promotion.domain.avro_type import AvroType
from promotion.domain.encode import Encoder, TooMuch
from promotion.domain.limits import DEFAULT_LIMITS
from promotion.domain.walk import JsonWalker

#: The kind of a field that no schema has yet: a rule has set it, and its value is JSON as the rule gives it.
GIVEN = "given"


class Unfit(Exception):
    """A value does not fit; the message says what is expected."""


class Filling:
    """One value for places of any type, fitted once for each type."""

    def __init__(self, value: Any) -> None:
        self._value = value
        self._known: dict[tuple[AvroType, str], Any] = {}

    def instead_of(self, node: AvroType, current: Any) -> Any:
        """Return the value as the tree has it at a place of type `node` that holds `current`; Unfit if it cannot be.

        A union keeps its branch where the value fits into it. Otherwise the encoder chooses, as it does with a file.
        """
        key = node, next(iter(current)) if node.kind == "union" and current is not None else ""
        if key not in self._known:
            self._known[key] = self._attempt(*key)
        fitted = self._known[key]
        if isinstance(fitted, Unfit):
            raise fitted
        return deepcopy(fitted) if isinstance(fitted, dict | list) else fitted

    def _attempt(self, node: AvroType, tag: str) -> Any:
        try:
            if tag and not _names_branch(node, self._value):
                branch = next(each for each in node.inner if each.tag == tag)
                with suppress(Unfit):
                    return {tag: fitted(branch, self._value)}
            return fitted(node, self._value)
        except Unfit as unfit:
            return unfit


def fitted(node: AvroType, value: Any) -> Any:
    """Return `value` as a value of type `node` in Avro's JSON encoding: with its branches, and with defaults."""
    if node.kind == GIVEN:
        return value
    encoder = Encoder(DEFAULT_LIMITS)
    with suppress(TooMuch):  # it has left a problem
        encoder.write(node, value, None)
    if encoder.failures:
        problem = encoder.problems[0]
        inside = f" ({problem.path})" if problem.path != "$" else ""
        raise Unfit(f"{problem.expected} is expected{inside}")
    return JsonWalker(bytes(encoder.out), DEFAULT_LIMITS).whole(node)


def plain(node: AvroType, value: Any) -> Any:
    """Return a value without its union's branch."""
    if node.kind == "union" and value is not None:
        return next(iter(value.values()))
    return value


def leaf(container: Any, key: Any, node: AvroType) -> tuple[Any, Any, AvroType]:
    """Return container, key and type of the value itself: inside the branch, where the place is a union's."""
    value = container[key]
    if node.kind != "union" or value is None:
        return container, key, node
    tag = next(iter(value))
    return value, tag, next(branch for branch in node.inner if branch.tag == tag)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal in type and in every digit: 1 is not true, -0.0 is not 0.0."""
    return bool(one == other) and repr(one) == repr(other)


def equal(value: Any, wanted: Any) -> bool:
    """Whether a value of an event is the one that a rule names: 1 is 1.0, and neither is true."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _names_branch(node: AvroType, value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and any(branch.tag in value for branch in node.inner)
