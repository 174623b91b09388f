"""The state of aggregates, folded from events: Deleted removes one, every other action merges its fields.

Events of one aggregate may lie in several partitions, which are read in no fixed order. So every field remembers the
place in the topic's merged order (promotion.domain.order) of the event that set it, and the later place wins: whatever
order they come in, the same state comes out.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.domain.event_id import FIELD
from promotion.domain.order import MergeKey
from promotion.domain.shelf import MOST_BYTES, Shelf

DELETED = "Deleted"
#: Actions that say nothing beside their fields. Of others (Locked, Unlocked) the last one is part of the state.
PLAIN = frozenset({"Created", "Updated", DELETED, "Onboarded", ""})
#: Actions that an aggregate may begin with.
CREATING = frozenset({"Created", "Onboarded", "Registered", "Sent"})
#: The place of the plan's own events: behind everything on the target.
PLANNED = 2**63


@dataclass(slots=True)
class Aggregate:
    """One aggregate. Every part stands with the place of the event that it is from.

    `promoted` is the place of the newest record that a promotion brought, `foreign` that of the newest one of anybody
    else that no stream processor derived; `foreign_at` is where that one lies. `newest` and `newest_at` are the later
    one of the two: the last record that somebody wanted.
    """

    fields: dict[str, tuple[MergeKey, Any]] = field(default_factory=dict)
    status: tuple[MergeKey, str] | None = None
    alive: MergeKey | None = None
    deleted: MergeKey | None = None
    promoted: MergeKey | None = None
    foreign: MergeKey | None = None
    foreign_at: str = ""
    newest: MergeKey | None = None
    newest_at: str = ""

    @property
    def exists(self) -> bool:
        """Whether it is there: something came after it was deleted, if it ever was."""
        return self.alive is not None and (self.deleted is None or self.alive > self.deleted)

    @property
    def changed_by_others(self) -> bool:
        """Whether somebody else changed it after it was last promoted."""
        return self.promoted is not None and self.foreign is not None and self.foreign > self.promoted

    def changed_since(self, at: str) -> bool:
        """Whether its newest record is another one than that at `at`; what a plan itself says of it does not count."""
        return self.newest_at not in ("", at)

    def now(self) -> dict[str, Any]:
        """Return its fields; empty where it is not there."""
        return {name: value for name, (place, value) in self.fields.items() if self._counts(place)}

    @property
    def last_status(self) -> str:
        """Return the last action that says more than its fields, empty where there was none since it was created."""
        return self.status[1] if self.status is not None and self._counts(self.status[0]) else ""

    def _counts(self, place: MergeKey) -> bool:
        return self.deleted is None or place > self.deleted


class Fold:
    """Aggregates by the digest of their identity; however many there are, most of them lie in a file.

    What a method returns is as it is until the next call of one. `most` is as Shelf has it; with None all are held, and
    fields may have other values than those that `decode` makes.
    """

    def __init__(self, most: int | None = MOST_BYTES) -> None:
        self._measured = most is not None
        self._aggregates = Shelf(_packed, _unpacked, sys.maxsize if most is None else most)

    def get(self, identity: bytes) -> Aggregate | None:
        """Return the aggregate, None where no event of it was ever seen."""
        return self._aggregates.get(identity)

    def exists(self, identity: bytes) -> bool:
        """Return whether the aggregate is there."""
        found = self._aggregates.get(identity)
        return found is not None and found.exists

    def add(self, identity: bytes, action: str, tree: Mapping[str, Any], place: MergeKey) -> Aggregate:
        """Take one event, in any order; `tree` is what `decode` made of it. Return its aggregate."""
        found, size = self._aggregates.get(identity), _size(tree) if self._measured else 0
        if found is None:
            found = Aggregate()
            self._aggregates.put(identity, found, size)
        else:
            self._aggregates.changed(identity, size)
        if action == DELETED:
            found.deleted = _later(found.deleted, place)
            return found
        found.alive = _later(found.alive, place)
        fields = found.fields
        for name, value in tree.items():
            known = fields.get(name)
            if name != FIELD and (known is None or known[0] < place):
                fields[name] = (place, value)
        if action not in PLAIN and (found.status is None or found.status[0] < place):
            found.status = (place, action)
        return found


def _size(tree: Any) -> int:
    return len(marshal.dumps(tree))


def _packed(found: Aggregate) -> tuple[Any, ...]:
    return (
        found.fields, found.status, found.alive, found.deleted, found.promoted, found.foreign, found.foreign_at,
        found.newest, found.newest_at,
    )  # fmt: skip


def _unpacked(values: tuple[Any, ...]) -> Aggregate:
    return Aggregate(*values)


def _later(one: MergeKey | None, other: MergeKey) -> MergeKey:
    return other if one is None or other > one else one


def note_author(found: Aggregate, place: MergeKey, at: str, *, promoted: bool, derived: bool) -> None:
    """Note whose event at `place` was; what a stream processor derived on the target is nobody's change."""
    if not derived and (found.newest is None or place > found.newest):
        found.newest, found.newest_at = place, at
    if promoted:
        found.promoted = _later(found.promoted, place)
    elif not derived and (found.foreign is None or place > found.foreign):
        found.foreign, found.foreign_at = place, at
