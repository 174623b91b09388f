"""Gather what belongs together: the events of a thing, of its parts, and of everything that these refer to by id.

The documents of the database are read, nothing is decoded; they say what would go out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from promotion.actions.edit import Excluded, exclude_matching
from promotion.domain.identity import Identity
from promotion.domain.references import ReferenceMap
from promotion.errors import NotFound
from promotion.models import EventType, Promotion
from promotion.models.event import EventQuerySet
from promotion.models.event_type import KeyFields
from promotion.policy import Actor

#: How far references are followed from the things that were chosen.
MOST_LEVELS = 5
MOST_THINGS = 1_000
#: Events whose references are read; the further ones of a thing are counted with it all the same.
MOST_READ = 20_000
#: What to look for, and one thing that refers to it.
Wanted = dict[Identity, Identity]


@dataclass(slots=True)
class Thing:
    """A thing with events in the promotion. `level` is how many references away it is, `included` go out."""

    identity: Identity
    level: int
    events: int = 0
    included: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """A thing without an event in the promotion, and one that refers to it."""

    identity: Identity
    wanted_by: Identity


@dataclass(slots=True)
class Gathering:
    """What was gathered. `incomplete`: there was more than the limits let in."""

    keys: KeyFields
    things: dict[Identity, Thing] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    incomplete: bool = False

    def admit(self, wanted: Wanted) -> Wanted:
        """Return as many of `wanted` as there is room for."""
        room = MOST_THINGS - len(self.things) - len(self.missing)
        self.incomplete |= len(wanted) > room
        return dict(islice(wanted.items(), room))

    def seen(self) -> set[Identity]:
        """Return what was looked for already."""
        return {*self.things, *(each.identity for each in self.missing)}

    @property
    def events(self) -> int:
        """How many events were gathered."""
        return sum(each.events for each in self.things.values())

    @property
    def included(self) -> int:
        """How many of them go out."""
        return sum(each.included for each in self.things.values())

    @property
    def excluded(self) -> int:
        """How many of them are excluded."""
        return self.events - self.included

    def events_of(self, promotion: Promotion) -> EventQuerySet:
        """The gathered events as a queryset of the promotion's, for actions on all of them."""
        return promotion.events.filter(pk__in=promotion.events.about(self.keys, self.things).values("pk"))

    def others_of(self, promotion: Promotion) -> EventQuerySet:
        """All events of the promotion but the gathered ones."""
        return promotion.events.exclude(pk__in=promotion.events.about(self.keys, self.things).values("pk"))


def keys_of(promotion: Promotion) -> KeyFields:
    """Return the key fields of the types that the promotion has events of."""
    return EventType.objects.filter(pk__in=promotion.events.counts_by_type()).key_fields()


def kinds(promotion: Promotion) -> tuple[dict[str, int], int]:
    """Return the aggregates among the promotion's events with their numbers of events, and how many have no thing.

    Events of types without key fields are judged alone: they belong to no thing that could be chosen.
    """
    counts = promotion.events.counts_by_type()
    keys = EventType.objects.filter(pk__in=counts).key_fields()
    found: Counter[str] = Counter()
    for (aggregate, _), ids in keys.items():
        found[aggregate] += sum(counts[pk] for pk in ids)
    return dict(sorted(found.items())), sum(counts.values()) - found.total()


def keys_of_kind(promotion: Promotion, kind: str) -> KeyFields:
    """Return the key fields of the types of one aggregate; empty where the promotion has no event of it."""
    return {(name, paths): ids for (name, paths), ids in keys_of(promotion).items() if name == kind}


def find(promotion: Promotion, kind: str, ref: str) -> Identity:
    """Return the thing of this aggregate and `ref`. Raises NotFound."""
    thing = promotion.events.about_things(keys_of_kind(promotion, kind)).thing_with(ref)
    if thing is None:
        raise NotFound("There is no such thing among these events.", "Choose one from the list of things.")
    return _identity(thing)


def act(actor: Actor, promotion: Promotion, found: Gathering, what: str, expected: int) -> Excluded:
    """Do `what` with the gathered events: `keep` excludes every other one, `include` and `exclude` mean these.

    Raises Conflict, and changes nothing, where another number than `expected` would change.
    """
    chosen = found.others_of(promotion) if what == "keep" else found.events_of(promotion)
    return exclude_matching(actor, promotion, chosen, what != "include", expected)


def gather(promotion: Promotion, chosen: Identity, *, parts: bool = True) -> Gathering:
    """Return the events of `chosen`, with `parts` also of what belongs to it, and of all they refer to.

    References are followed MOST_LEVELS far, to MOST_THINGS things. What is referred to and has no event here is
    `missing`: it is the target that has it, or nobody.
    """
    references = ReferenceMap(EventType.objects.identities())
    found = Gathering(keys_of(promotion))
    wanted: Wanted = dict.fromkeys(_chosen(promotion, found, references, chosen, parts), chosen)
    reader = _Reader(promotion, references, found)
    for level in range(MOST_LEVELS + 1):
        wanted = found.admit(wanted)
        if not wanted:
            return found
        nearby = reader.read(wanted, level)
        found.missing += [Missing(each, by) for each, by in wanted.items() if each not in found.things]
        wanted = nearby
    found.incomplete |= bool(wanted)
    return found


def _chosen(
    promotion: Promotion, found: Gathering, references: ReferenceMap, chosen: Identity, parts: bool
) -> list[Identity]:
    names = references.parts_of(chosen.aggregate) if parts else []
    keys = {(name, paths): ids for (name, paths), ids in found.keys.items() if name in names}
    if not keys:
        return [chosen]
    rows = promotion.events.about_parts(keys, chosen).by_thing()[: MOST_THINGS + 1]
    return [chosen, *(identity_of_row(row) for row in rows)]


class _Reader:
    """Reads the events of things, and what they refer to, until enough were read."""

    def __init__(self, promotion: Promotion, references: ReferenceMap, found: Gathering) -> None:
        self._promotion = promotion
        self._references = references
        self._found = found
        self._left = MOST_READ

    def read(self, wanted: Wanted, level: int) -> Wanted:
        """Add the things of `wanted` that have events, and return what else these refer to."""
        about = self._promotion.events.about(self._found.keys, wanted)
        for row in about.by_thing():
            identity = identity_of_row(row)
            self._found.things[identity] = Thing(identity, level, row["events"], row["included"])
        return self._nearby(about, {*self._found.seen(), *wanted})

    def _nearby(self, about: EventQuerySet, seen: set[Identity]) -> Wanted:
        nearby: Wanted = {}
        rows: QuerySet[Any, Any] = about.order_by("pk")
        for row in rows.values("thing", "host", "document")[: self._left]:
            self._left -= 1
            by = identity_of_row(row)
            for each in self._references.of(by.aggregate, row["host"], row["document"]):
                if each not in seen:
                    nearby.setdefault(each, by)
            if not self._left or len(nearby) > MOST_THINGS:
                self._found.incomplete = True
                break
        return nearby


def identity_of_row(row: Mapping[str, Any]) -> Identity:
    """Return the identity of a row with a `thing`, as EventQuerySet.by_thing has them."""
    return _identity(row["thing"])


def _identity(thing: list[str]) -> Identity:
    return Identity(thing[0], tuple(thing[1:]))
