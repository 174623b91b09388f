"""EventId from one generation to another, as the target's schema has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promotion.domain.avro_type import AvroField, AvroType
from promotion.domain.event_id import FIELD, host_of
from promotion.domain.rewrite.fitting import plain
from promotion.domain.rewrite.holds import identity
from promotion.domain.rewrite.path import parse_path
from promotion.domain.rewrite.rule import Rule
from promotion.domain.rewrite.shapes import reshaped
from promotion.domain.rewrite.uuids import positioned, rule_seed
from promotion.domain.rewrite.values import Act, nothing
from promotion.domain.rewrite.work import Change, Seeds, Shape, Work

_PATH = parse_path(f"{FIELD}.id")
_STRING, _LONG, _BOOLEAN = AvroType("string"), AvroType("long"), AvroType("boolean")
#: The fields in which generations differ; others are none of this action's business.
_KNOWN = frozenset({"userId", "hostId", "timestamp", "derived"})


def convert(shape: Shape, rule: Rule, seeds: Seeds) -> Act:
    """Return what gives EventId the fields of the target's generation.

    Towards the later one the user moves from `id` to `userId`, the event's host is added and `id` becomes a generated
    UUID. Backwards the user moves to `id`, and the event's own id and EventId's host go. A timestamp that the target
    needs is the record's; one that it does not have goes, as does `derived`.
    """
    event_id = _event_id(shape.root)
    if event_id is None:
        return nothing
    kinds = {item.name: item.type for item in event_id.fields}
    has, seed, view = frozenset(kinds), rule_seed(rule, seeds), identity(shape)

    def act(work: Work) -> None:
        wanted = _wanted(work, shape)
        if wanted is None or not (has ^ wanted) & _KNOWN:
            return
        part = work.holder[0][FIELD]
        new = _values(
            wanted - has, work, part, lambda: host_of(view(work.holder[0])), positioned(seed, work, str(_PATH))
        )
        if new is None:
            return
        gone = (has - wanted) & _KNOWN
        if "userId" in gone:
            new["id"] = part["userId"]
        _apply(work, part, kinds, new, gone)
        work.restructured(shape.derived((FIELD, wanted & _KNOWN), lambda: _reshaped(shape, kinds, new, gone)))

    return act


def _event_id(root: AvroType) -> AvroType | None:
    found = next((item.type for item in root.fields if item.name == FIELD), None)
    return found if found is not None and found.kind == "record" else None


def _wanted(work: Work, shape: Shape) -> frozenset[str] | None:
    """Return the fields of the target's EventId; None with a problem where there is no such thing."""
    target = work.targets(shape.full_name)
    event_id = _event_id(target.root) if target is not None else None
    if event_id is None:
        work.problem(f"the target has no schema of {shape.full_name} with an {FIELD}, so its generation is unknown.")
        return None
    return frozenset(item.name for item in event_id.fields)


def _values(
    lacking: frozenset[str], work: Work, part: dict[str, Any], host: Callable[[], str | None], own_id: str
) -> dict[str, Any] | None:
    new: dict[str, Any] = {}
    if "userId" in lacking and "id" in part:
        new |= {"userId": part["id"], "id": own_id}
    if "hostId" in lacking:
        new["hostId"] = host()
        if new["hostId"] is None:
            work.problem(f"the event has no host for {FIELD}.hostId: set it by a rule after this one's conditions.")
            return None
    if "timestamp" in lacking:
        new["timestamp"] = max(work.facts.timestamp, 0)
    if "derived" in lacking:
        new["derived"] = False
    return new


def _apply(
    work: Work, part: dict[str, Any], kinds: dict[str, AvroType], new: dict[str, Any], gone: frozenset[str]
) -> None:
    before = {name: plain(kinds[name], part[name]) for name in kinds}
    for name in gone:
        del part[name]
    part.update(new)
    types = _types(kinds, new, gone)
    for name in sorted(gone | new.keys()):
        after = plain(types[name], part[name]) if name in part else None
        work.changes.append(Change(f"{FIELD}.{name}", before.get(name), after))


def _types(kinds: dict[str, AvroType], new: dict[str, Any], gone: frozenset[str]) -> dict[str, AvroType]:
    """Return the types of EventId's fields afterwards: the user takes its type along."""
    types = {name: kind for name, kind in kinds.items() if name not in gone}
    if "userId" in new:
        types |= {"userId": kinds["id"], "id": _STRING}
    if "userId" in gone:
        types["id"] = kinds["userId"]
    fresh = {"hostId": _STRING, "timestamp": _LONG, "derived": _BOOLEAN}
    return types | {name: kind for name, kind in fresh.items() if name in new}


def _reshaped(shape: Shape, kinds: dict[str, AvroType], new: dict[str, Any], gone: frozenset[str]) -> Shape:
    fields = tuple(AvroField(name, kind) for name, kind in _types(kinds, new, gone).items())
    return shape.with_root(reshaped(shape.root, _PATH, lambda _record: fields))
