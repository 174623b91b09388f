"""Which things an event refers to, by the names of its fields: `apiId` and `ruleIds` name an API and rules."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from promotion.domain.event_id import FIELD as EVENT_ID
from promotion.domain.identity import HOST, Identity

MOST_REFERENCES = 200
_MOST_RECORDS = 2_000
_MOST_DEPTH = 8
_HOLD = (dict, list)
_WORD = re.compile("[A-Z]")
#: The fields that name a thing: its id alone, or its id and a version.
Ids = tuple[str, ...]
_MOST_SHAPES = 1_000


class _Shape(NamedTuple):
    """What records that have the same of all these fields can refer to: by ids, and by lists of ids."""

    ids: tuple[tuple[Ids, str], ...]
    lists: tuple[tuple[str, str], ...]


class ReferenceMap:
    """Knows for `xId`, and for `xId` with `xVersion`, which aggregate they name.

    An aggregate can be referred to where its identity is the host and exactly these fields. Where several have the
    same ones, `_named` chooses; where that is open, the fields refer to nothing.
    """

    def __init__(self, identities: Mapping[str, Sequence[str]]) -> None:
        """`identities` are the dotted paths of each aggregate, by its name."""
        candidates: dict[Ids, list[str]] = defaultdict(list)
        for aggregate, paths in identities.items():
            if _can_be_named(paths):
                candidates[tuple(paths[1:])].append(aggregate)
        chosen = {ids: _named(ids, aggregates) for ids, aggregates in candidates.items()}
        self.named: dict[Ids, str] = {ids: aggregate for ids, aggregate in chosen.items() if aggregate}
        self._identities = {aggregate: tuple(paths) for aggregate, paths in identities.items()}
        self._lists = {f"{ids[0]}s": aggregate for ids, aggregate in self.named.items() if len(ids) == 1}
        self._names = frozenset(name for ids in self.named for name in ids).union(self._lists)
        self._shapes: dict[frozenset[str], _Shape] = {}

    def of(self, aggregate: str, host: str, tree: Mapping[str, Any]) -> list[Identity]:
        """Return what a decoded event of `aggregate` refers to: each once, at most 200, neither itself nor its host.

        `host` is the event's host: things are referred to within it. Records inside are looked at too, EventId is not.
        """
        found: dict[Identity, None] = {}
        for record in _records(tree) if host else ():
            for identity in self._of_record(host, record):
                if identity.aggregate != aggregate or identity != self._itself(aggregate, host, tree):
                    found[identity] = None
                if len(found) == MOST_REFERENCES:
                    return list(found)
        return list(found)

    def parts_of(self, aggregate: str) -> list[str]:
        """Return the aggregates whose identity begins with that of `aggregate`: what belongs to a role or to an API."""
        own = self._identities.get(aggregate, ())
        if self.named.get(own[1:]) != aggregate:
            return []
        parts = (name for name, paths in self._identities.items() if paths[: len(own)] == own)
        return sorted(name for name in parts if name != aggregate)

    def _of_record(self, host: str, record: Mapping[str, Any]) -> Iterator[Identity]:
        shape = self._shape(record)
        for ids, aggregate in shape.ids:
            values = [_id(record[name]) for name in ids]
            if all(values):
                yield Identity(aggregate, (host, *values))
        for name, aggregate in shape.lists:
            if isinstance(items := record[name], list):
                yield from (Identity(aggregate, (host, value)) for item in items if (value := _id(item)))

    def _shape(self, record: Mapping[str, Any]) -> _Shape:
        """Records of one type have the same fields: what these can name is looked up once."""
        names = self._names.intersection(record)
        known = self._shapes.get(names)
        if known is None:
            ids = tuple(each for each in self.named.items() if names.issuperset(each[0]))
            known = _Shape(ids, tuple(each for each in self._lists.items() if each[0] in names))
            if len(self._shapes) >= _MOST_SHAPES:  # a map can have any of them
                self._shapes.clear()
            self._shapes[names] = known
        return known

    def _itself(self, aggregate: str, host: str, tree: Mapping[str, Any]) -> Identity | None:
        paths = self._identities.get(aggregate, ())
        return Identity(aggregate, (host, *(_id(tree.get(name)) for name in paths[1:]))) if paths else None


def _can_be_named(paths: Sequence[str]) -> bool:
    """Whether the identity is (host, xId) or (host, xId, xVersion), both of the event itself."""
    match paths:
        case [first, own]:
            return first == HOST and own.endswith("Id") and own != EVENT_ID and "." not in own
        case [first, own, version]:
            stem = own.removesuffix("Id")
            return first == HOST and stem != own and version == f"{stem}Version" and "." not in own
    return False


def _named(ids: Ids, aggregates: Sequence[str]) -> str:
    """Return the aggregate that `ids` are named after (appId: App; apiVersion: ServiceVersion), else the simplest name.

    The simplest is the one of the fewest words, since parts are called after their whole (apiId: Service, ApiRule).
    Nothing where two are as simple.
    """
    word = ids[-1].removesuffix("Id") if len(ids) == 1 else "version"
    word = word[:1].upper() + word[1:]
    fitting = [name for name in aggregates if name == word] or [name for name in aggregates if name.endswith(word)]
    words = {name: len(_WORD.findall(name)) for name in fitting or aggregates}
    simplest = [name for name, number in words.items() if number == min(words.values())]
    return simplest[0] if len(simplest) == 1 else ""


def _records(tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the event and the records inside it, at most some thousands, without EventId."""
    yield tree
    inside = [value for name, value in tree.items() if isinstance(value, _HOLD) and name != EVENT_ID]
    if not inside:
        return
    waiting = deque[tuple[Any, int]]((value, 1) for value in islice(inside, _MOST_RECORDS))
    for _ in range(_MOST_RECORDS - 1):
        if not waiting:
            return
        value, depth = waiting.popleft()
        if isinstance(value, dict):
            yield value
        inner = value.values() if isinstance(value, dict) else value
        if depth < _MOST_DEPTH:
            waiting.extend(islice(((item, depth + 1) for item in inner if isinstance(item, _HOLD)), _MOST_RECORDS))


def _id(value: Any) -> str:
    """Return an id as an Identity holds it; empty where it is none."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
