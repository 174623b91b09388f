"""What a plan says of each outgoing event, in order: against the target's state and all earlier events of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from promotion.domain.diff import differences
from promotion.domain.event_id import FIELD
from promotion.domain.fold import CREATING, DELETED, PLAIN, PLANNED, Aggregate, Fold, note_author
from promotion.domain.identity import Identity
from promotion.domain.order import MergeKey
from promotion.domain.shelf import Shelf

MOST_CHANGES = 50


class Verdict(StrEnum):
    """What is said of one event; promotion.states.Verdict has the words for it."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    ALREADY_PROMOTED = "already_promoted"
    CONFLICT = "conflict"
    INVALID = "invalid"
    ORPHAN = "orphan"


#: What a person may send all the same, for a reason. What is invalid cannot be sent at all.
FORCIBLE = frozenset({Verdict.SAME, Verdict.ALREADY_PROMOTED, Verdict.CONFLICT, Verdict.ORPHAN})


class Copy(NamedTuple):
    """A record on the target that an outgoing event's origin has brought there: 16 bytes of what it says, and where."""

    place: MergeKey
    content: bytes
    at: str


@dataclass
class TargetState:
    """What the target holds of what a plan is about.

    `copies` by origin, the newest of each; `nonces` the highest by user, over all records.
    """

    fold: Fold = field(default_factory=Fold)
    copies: Shelf[Copy] = field(default_factory=lambda: Shelf(tuple, Copy._make))
    nonces: dict[str, int] = field(default_factory=dict)


class Candidate(NamedTuple):
    """One outgoing event. `origin` is 16 bytes of where it first came from, `content` of what it says.

    `creates` is whether its aggregate may begin with it: by its action, or because no type of it ever creates one.
    `knows` is where on the target the newest record of its aggregate lay that its author saw; None where nobody looked.
    """

    identity: Identity | None
    action: str
    tree: Mapping[str, Any]
    origin: bytes
    content: bytes
    creates: bool
    knows: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One field, by its path, on the target and as it goes out; None where it is not there."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one event; `goes` is whether it goes out, `at` a place on the target that explains it."""

    verdict: Verdict
    goes: bool
    forced: bool = False
    changes: tuple[Change, ...] = ()
    at: str = ""
    problem: str = ""
    hint: str = ""


#: The two that most events get.
_NEW, _SAME = Judged(Verdict.NEW, True), Judged(Verdict.SAME, False)


class Judge:
    """Judges one event after the other; `state` becomes what it would be behind them."""

    def __init__(self, state: TargetState, target: str) -> None:
        self._state = state
        self._target = target
        self._ordinal = 0

    def judge(self, event: Candidate, forced: frozenset[Verdict] = frozenset()) -> Judged:
        """Return what becomes of `event`. A verdict in `forced` does not keep it from going out."""
        judged = self._judge(event)
        if judged.verdict in forced and judged.verdict in FORCIBLE:
            judged = Judged(judged.verdict, True, True, judged.changes, judged.at)
        self._apply(event, judged)
        return judged

    def _judge(self, event: Candidate) -> Judged:
        copy = self._state.copies.get(event.origin)
        if copy is not None and copy.content == event.content:
            return Judged(Verdict.ALREADY_PROMOTED, False, at=copy.at)
        if event.identity is None:
            return _NEW
        there = self._state.fold.get(event.identity.digest)
        if there is None or not there.exists:
            return self._judge_absent(event, there)
        changes = _changes(event, there)
        if not changes:
            return _SAME
        if event.knows is not None and there.changed_since(event.knows):
            return self._outdated(there, changes)
        if event.knows is None and there.changed_by_others:
            return self._conflict(there, changes)
        return Judged(Verdict.CHANGED, True, changes=changes)

    def _judge_absent(self, event: Candidate, there: Aggregate | None) -> Judged:
        if there is not None and there.changed_by_others:
            return self._conflict(there, ())
        if event.creates:
            return _NEW
        what = "delete" if event.action == DELETED else "change"
        return Judged(
            Verdict.ORPHAN,
            False,
            problem=f"It would {what} what is not there: {self._target} has no such thing, and no earlier event of "
            "this plan creates it.",
            hint="Include the event that creates it, exclude this one, or send it all the same for a reason.",
        )

    def _conflict(self, there: Aggregate, changes: tuple[Change, ...]) -> Judged:
        return Judged(
            Verdict.CONFLICT,
            False,
            changes=changes,
            at=there.foreign_at,
            problem=f"Somebody else changed this on {self._target} after it was last promoted (record "
            f"{there.foreign_at}).",
            hint="Compare both. Edit this event so that it holds what is wanted, exclude it, or send it all the same "
            "for a reason: it then overwrites what they did.",
        )

    def _outdated(self, there: Aggregate, changes: tuple[Change, ...]) -> Judged:
        return Judged(
            Verdict.CONFLICT,
            False,
            changes=changes,
            at=there.newest_at,
            problem=f"It was written from what {self._target} held before, and this was changed there since (record "
            f"{there.newest_at}).",
            hint="Exclude it and propose the amendment anew, or send it all the same for a reason: it then overwrites "
            "what was done there.",
        )

    def _apply(self, event: Candidate, judged: Judged) -> None:
        """Let the events behind this one see it. One that is refused for a conflict would go once that is settled."""
        if event.identity is None or not (judged.goes or judged.verdict == Verdict.CONFLICT):
            return
        place = (PLANNED, self._ordinal, 0)
        self._ordinal += 1
        there = self._state.fold.add(event.identity.digest, event.action, event.tree, place)
        if judged.goes:
            note_author(there, place, "", promoted=True, derived=False)


def creates(action: str, aggregate: str, created: frozenset[str]) -> bool:
    """Return whether an aggregate may begin with `action`. `created` are the aggregates that some type creates."""
    return action != DELETED and (action in CREATING or aggregate not in created)


def _changes(event: Candidate, there: Aggregate) -> tuple[Change, ...]:
    if event.action == DELETED:
        return (Change("$", "there", None),)
    now = there.now()
    found = list(islice(_field_changes(event.tree, now), MOST_CHANGES))
    if event.action not in PLAIN and there.last_status != event.action:
        found.append(Change("last action", there.last_status or None, event.action))
    return tuple(found)


def _field_changes(tree: Mapping[str, Any], now: Mapping[str, Any]) -> Any:
    for name, value in tree.items():
        if name == FIELD:
            continue
        if name not in now:
            yield Change(name, None, value)
        elif type(value) is not str or now[name] != value:  # most are the same text
            for each in differences(now[name], value, MOST_CHANGES):
                yield Change(f"{name}{each.path.removeprefix('$')}", each.before, each.after)
