"""Ask for amendments of what a promotion has replayed: they are events of a round, a promotion of its own.

A round goes the way of every promotion: edited, planned, approved, replayed, verified. One is open at a time; when it
is replayed, what is asked for next begins another one. docs/decisions/0018-amendments.md says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from promotion.actions import audit
from promotion.actions.amend_types import UPDATED
from promotion.actions.request import request_job
from promotion.domain.identity import Identity
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import Event, Export, ExportPartition, Installation, Promotion, PromotionJob
from promotion.models.event import MOST_IDS
from promotion.policy import MANAGE, Actor, require
from promotion.states import JobKind, Origin, PromotionState

MOST_THINGS = 1_000
#: Characters of one value that names a thing.
MOST_VALUE = 1_000
MOST_TITLE = 200
#: A round in one of these has to be brought to its end first.
HALF_WAY = frozenset({PromotionState.REPLAY_FAILED, PromotionState.PARTLY_REPLAYED})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be amended: replayed events by their ids, and things of the target; `action` says by which event."""

    events: Sequence[int] = ()
    things: Sequence[Identity] = ()
    action: str = UPDATED

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return what `to_json` has written into a job's arguments."""
        things = [Identity(aggregate, tuple(rest)) for aggregate, *rest in values.get("things", [])]
        return cls(values.get("events", []), things, values.get("action", UPDATED))

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of the job."""
        things = [[each.aggregate, *each.values] for each in self.things]
        return {"events": list(self.events), "things": things, "action": self.action}

    def check(self) -> None:
        """Raise InvalidInput for nothing, too much, or what no event could name."""
        if not self.events and not self.things:
            raise InvalidInput("Nothing was chosen.", "Choose events that were replayed, or a thing on the target.")
        if len(self.events) > MOST_IDS or len(self.things) > MOST_THINGS:
            raise InvalidInput(
                f"At most {MOST_IDS:,} events and {MOST_THINGS:,} things can be amended at once.",
                "Choose fewer; a round can be added to.",
            )
        values = [value for each in self.things for value in (each.aggregate, *each.values)]
        if any(not value or "\0" in value or len(value) > MOST_VALUE for value in values):
            raise InvalidInput(
                f"A thing is named by values of 1 to {MOST_VALUE:,} characters.", "Give each of its ids."
            )


def propose(actor: Actor, promotion: Promotion, asked: Asked) -> tuple[Promotion, PromotionJob]:
    """Ask a worker to write amendments of what `promotion` has replayed; return their round and the job to enqueue.

    For a round itself its first promotion counts. Raises Refused where nothing was replayed yet or the open round is
    stuck in its replay, Conflict where that round has a job, InvalidInput, NotFound for events that are not there.
    """
    require(actor, MANAGE)
    asked.check()
    with transaction.atomic():
        parent = _locked(promotion.amends_id or promotion.pk)
        _check_replayed(parent)
        _check_events(parent, asked.events)
        amendments = open_round(parent) or _begin(actor, parent)
        if amendments.state in HALF_WAY:
            raise Refused(
                f"Promotion {amendments.pk}, the open amendments, is {amendments.get_state_display().lower()}.",
                "Go on with its replay first; what comes after it is a new round.",
            )
        said = {"events": len(asked.events), "things": len(asked.things), "action": asked.action}
        job = request_job(actor, amendments, JobKind.AMEND, said)
        # The audit trail has the numbers; which things they are is for the worker alone.
        job.arguments = asked.to_json()
        job.save(update_fields=["arguments"])
    return amendments, job


def open_round(parent: Promotion) -> Promotion | None:
    """Return the amendments of `parent` that are not replayed yet, None where there are none."""
    rounds = Promotion.objects.with_environments().filter(amends=parent)
    return rounds.exclude(state=PromotionState.REPLAYED).first()


def root_of(promotion: Promotion) -> Promotion:
    """Return the promotion whose story this one is a part of: what it amends, else itself."""
    return promotion if promotion.amends is None else promotion.amends


def may_be_amended(promotion: Promotion) -> bool:
    """Whether amendments of it can be asked for as far as its state, or its first promotion's, says."""
    return root_of(promotion).state == PromotionState.REPLAYED


def _locked(parent_id: int) -> Promotion:
    """The parent's row, locked: two people who ask at once get one round."""
    return Promotion.objects.select_for_update(of=["self"]).with_environments().get(pk=parent_id)


def _check_replayed(parent: Promotion) -> None:
    if parent.state != PromotionState.REPLAYED:
        raise Refused(
            f"Promotion {parent.pk} is {parent.get_state_display().lower()}: there is nothing on the target to amend.",
            "Replay it first, to its end.",
        )


def _check_events(parent: Promotion, ids: Sequence[int]) -> None:
    found = of_story(parent).filter(pk__in=ids).count() if ids else 0
    if found != len(set(ids)):
        raise NotFound(
            f"{len(set(ids)) - found:,} of the events belong neither to promotion {parent.pk} nor to its amendments.",
            "Choose them on the receipt.",
        )


def of_story(parent: Promotion) -> Any:
    """Return the events of `parent` and of all its amendments."""
    return Event.objects.filter(promotion__in=[parent.pk, *parent.amendments.values_list("pk", flat=True)])


def _begin(actor: Actor, parent: Promotion) -> Promotion:
    """Make an empty round. Its events are numbered on from those of the round before: a position names one for good."""
    made = Promotion.objects.create(
        title=f"Amendments of #{parent.pk}: {parent.title}"[:MOST_TITLE],
        origin=Origin.AMENDMENTS,
        source_name=f"amendments of #{parent.pk}",
        source_tenancy=parent.target.tenancy,
        amends=parent,
        target=parent.target,
        owner=actor,
        state=PromotionState.EXPORTED,
    )
    export = Export.objects.create(
        promotion=made,
        cluster_id=str(Installation.objects.get().uuid),
        topic=f"amendments-of-{parent.pk}",
        finished_at=timezone.now(),
    )
    before = ExportPartition.objects.filter(export__promotion__amends=parent).aggregate(n=Max("end"))["n"] or 0
    ExportPartition.objects.create(export=export, partition=0, start=before, end=before, position=before)
    audit.record(actor, "create", made, after=made.describe() | {"amends": parent.pk})
    return made


def positions(parent: Promotion, given: Sequence[str]) -> list[int]:
    """Return the ids of the events of `parent` at these positions (`PARTITION:OFFSET`). InvalidInput, NotFound."""
    found = []
    for each in given:
        partition, _, offset = each.partition(":")
        if not (partition.isdecimal() and offset.isdecimal() and len(partition) < 10 and len(offset) < 19):
            raise InvalidInput(f"{each} is no position.", "Give partition and offset on the source, such as 0:12.")
        event = Event.objects.filter(promotion=parent, partition=int(partition), offset=int(offset)).first()
        if event is None:
            raise NotFound(f"Promotion {parent.pk} has no event from {each}.")
        found.append(event.pk)
    return found
