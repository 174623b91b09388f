"""What planning knows of event types: the aggregate of each, its key fields, and which aggregates are ever created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.domain.fold import CREATING
from promotion.domain.identity import Identity, identity_of
from promotion.domain.names import split_name
from promotion.domain.references import ReferenceMap
from promotion.models import EventType


@dataclass(frozen=True, slots=True)
class PlannedType:
    """One event type: `paths` are its identity's key fields, empty where its events are judged alone."""

    full_name: str
    aggregate: str
    action: str
    paths: tuple[str, ...]

    def identity(self, tree: Mapping[str, Any]) -> Identity | None:
        """Return the aggregate that a decoded event is about. Raises NoIdentity."""
        return identity_of(self.aggregate, self.paths, tree)


@dataclass
class TypeTable:
    """All types, read once. A type that moved to another namespace is the same thing: its short name finds it."""

    by_id: dict[int, PlannedType] = field(default_factory=dict)
    by_name: dict[str, PlannedType] = field(default_factory=dict)
    created: frozenset[str] = frozenset()
    references: ReferenceMap = field(default_factory=lambda: ReferenceMap({}))
    _by_short: dict[str, PlannedType] = field(default_factory=dict)

    @classmethod
    def load(cls) -> TypeTable:
        """Read the table as it is now."""
        table = cls()
        for row in EventType.objects.only("full_name", "aggregate", "action", "key_fields", "proposed_key_fields"):
            known = PlannedType(row.full_name, row.aggregate, row.action, tuple(row.identity_fields))
            table.by_id[row.pk] = table.by_name[row.full_name] = known
            table._by_short.setdefault(row.short_name, known)
        table.created = frozenset(each.aggregate for each in table.by_id.values() if each.action in CREATING)
        paths = {each.aggregate: each.paths for each in table.by_id.values() if each.paths}
        table.references = ReferenceMap(paths)
        return table

    def referred(self, kind: PlannedType, host: str, tree: Mapping[str, Any]) -> list[Identity]:
        """Return the things that a decoded event of `kind` refers to by their ids; `host` is its host, "" for none."""
        return self.references.of(kind.aggregate, host, tree)

    def named(self, full_name: str) -> PlannedType:
        """Return the type of a record on the target; one that no row knows is judged alone."""
        known = self.by_name.get(full_name)
        if known is not None:
            return known
        name = split_name(full_name)
        moved = self._by_short.get(full_name.rpartition(".")[2])
        return PlannedType(full_name, name.aggregate, name.action, moved.paths if moved else ())
