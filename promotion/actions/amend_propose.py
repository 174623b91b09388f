"""The worker's part of amending: read the target once, and write one event for each thing that was chosen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from promotion.actions.amend import Asked, of_story
from promotion.actions.amend_target import Found, Things, read_things
from promotion.actions.amend_types import AmendTypes, Chosen
from promotion.actions.amend_write import Draft, write
from promotion.actions.lease import Lease
from promotion.actions.masking import Masks
from promotion.actions.outgoing import outgoing, with_schemas
from promotion.actions.plan_types import TypeTable
from promotion.actions.schema_source import open_schemas
from promotion.domain.amend import Author, propose
from promotion.domain.decode import read
from promotion.domain.event_id import user_of
from promotion.domain.identity import Identity, NoIdentity
from promotion.domain.masks import holds_mask
from promotion.domain.octets import visible
from promotion.domain.wire import MalformedValue
from promotion.errors import Refused
from promotion.models import Amendment, Event, PlanStep, Promotion

CHUNK = 500
#: Reasons that the answer names; the others are counted.
MOST_SAID = 100


@dataclass
class Skipped:
    """What is not proposed, and why: the first reasons, and how many there are."""

    said: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, what: str) -> None:
        """Note one more."""
        self.count += 1
        if len(self.said) < MOST_SAID:
            self.said.append(visible(what))


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing to amend, the event that it was chosen by, and whose that was; both None where the thing was named."""

    identity: Identity
    event: Event | None = None
    user: str | None = None


def run(lease: Lease) -> None:
    """Do the job: add an event to the round for each chosen thing, and say in the job's arguments which were skipped.

    Raises Refused where nothing can be proposed, Unreachable and the like, Cancelled, LeaseLost.
    """
    if "result" in lease.job.arguments:  # whoever held the job before has written it all
        return
    amendments = Promotion.objects.with_environments().select_related("amends").get(pk=lease.promotion.pk)
    asked, types, skipped = Asked.from_json(lease.job.arguments), TypeTable.load(), Skipped()
    lease.progress(0, phase="Looking at what was chosen")
    subjects = _subjects(lease, amendments, asked, types, skipped)
    with open_schemas(amendments.target) as registry:
        things = read_things(lease, amendments.target, registry, types, [each.identity for each in subjects.values()])
        proposer = Proposer(amendments, asked.action, things, AmendTypes(registry, amendments.target), types)
        drafts = list(proposer.drafts(lease, subjects, skipped))
    if not drafts:
        raise Refused("No amendment is proposed.", "Choose others, or another action.", skipped.said)
    write(lease, amendments, drafts, {"skipped": skipped.count, "reasons": skipped.said})


def _subjects(
    lease: Lease, amendments: Promotion, asked: Asked, types: TypeTable, skipped: Skipped
) -> dict[bytes, Subject]:
    """The things in order, each once: those of chosen events, by the last of these, then those that were named."""
    assert amendments.amends is not None, "amendments amend a promotion"
    found: dict[bytes, Subject] = {}
    events = of_story(amendments.amends).filter(pk__in=asked.events, quarantine_reason="")
    arrived = _arrived(asked)
    rows = events.select_related("revision").defer("document").in_order()
    for event in with_schemas(rows.iterator(chunk_size=CHUNK)):
        lease.check()
        subject = _subject(event, types, skipped) if event.pk in arrived else None
        if event.pk not in arrived:
            skipped.add(f"Event {event} did not go out: there is nothing of it to amend.")
        if subject is not None:
            found[subject.identity.digest] = subject
    for identity in asked.things:
        found.setdefault(identity.digest, Subject(identity))
    return found


def _arrived(asked: Asked) -> set[int]:
    """Those of the events that a replay has committed."""
    steps = PlanStep.objects.filter(event__in=asked.events, ordinal__lt=F("plan__replay__committed"))
    return set(steps.values_list("event_id", flat=True))


def _subject(event: Event, types: TypeTable, skipped: Skipped) -> Subject | None:
    kind = types.by_id[event.event_type_id or 0]
    try:
        body = outgoing(event)
        tree = read(body.schema, body.data)
        identity = kind.identity(tree)
    except (MalformedValue, NoIdentity) as error:
        skipped.add(f"Event {event}: {error.message}")
        return None
    if identity is None:
        skipped.add(f"Event {event}: no field of a {kind.aggregate} names a thing; a curator can say which one does.")
        return None
    return Subject(identity, event, user_of(tree))


@dataclass
class Proposer:
    """Makes drafts of what the target holds."""

    amendments: Promotion
    action: str
    things: Things
    choices: AmendTypes
    types: TypeTable
    masks: Masks = field(default_factory=Masks)

    def drafts(self, lease: Lease, subjects: Mapping[bytes, Subject], skipped: Skipped) -> Iterator[Draft]:
        """Yield a draft for each thing that is there; say of every other why there is none."""
        there = self._there()
        for subject in subjects.values():
            lease.check()
            try:
                yield self._draft(subject, there)
            except Refused as error:
                skipped.add(f"{self.masks.identity(subject.identity).label}: {error.message}")

    def _draft(self, subject: Subject, there: set[tuple[int, str]]) -> Draft:
        identity, target = subject.identity, self.amendments.target.name
        found = self.things.of(identity)
        if found is None or not found.exists:
            was = f"it was deleted on {target}." if found and found.deleted else f"no record of {target} is about it."
            raise Refused(was)
        chosen = self.choices.choose(identity.aggregate, self.action, found.last.type_name if found.last else "")
        if (chosen.type.pk, identity.digest.hex()) in there:
            raise Refused("it is among the open amendments already: edit it there.")
        proposal = propose(chosen.schema, found.fields, self._author(subject, found))
        self._check_same(chosen, proposal.body, identity)
        if holds_mask(proposal.body):
            raise Refused(f"what {target} holds has a mask in the place of a value: correct it there.")
        return Draft(identity, subject.event, chosen, proposal, found)

    def _author(self, subject: Subject, found: Found) -> Author:
        user, host = (found.last.user, found.last.host) if found.last else (None, None)
        return Author(subject.user or user, host, time.time_ns() // 1_000_000)

    def _check_same(self, chosen: Chosen, body: bytes, identity: Identity) -> None:
        """The key fields of the type may differ from those of the types that the thing was made by."""
        try:
            says = self.types.by_id[chosen.type.pk].identity(read(chosen.schema, body))
        except NoIdentity:
            return  # a person has to supply it, and the plan looks again
        if says is not None and says != identity:
            other = self.masks.identity(says).label
            raise Refused(
                f"its {chosen.type.short_name} would be about another thing, {other}: the key fields of the types "
                "differ, and a curator can correct them."
            )

    def _there(self) -> set[tuple[int, str]]:
        """(type, identity in hex) of what the round has already and does not leave out."""
        rows = Amendment.objects.filter(event__promotion=self.amendments, event__excluded=False)
        values: Any = rows.values_list("event__event_type_id", "current__identity")
        return set(values)
