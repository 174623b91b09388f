"""The curators' decisions as they stood when a job started: a job that is resumed goes on with the same ones."""

from __future__ import annotations

from dataclasses import dataclass

from promotion.actions.hold import Hold
from promotion.models import EventType, PromotionJob
from promotion.states import Decision


@dataclass(frozen=True, slots=True)
class Decided:
    """One type of the table: its row's id and what was decided about it."""

    id: int
    decision: str


def decisions(lease: Hold) -> dict[str, Decided]:
    """Return by full name what was decided when the job first came here. Types added since are not in it.

    Whoever comes first writes it down, and that is the holder of the job's own lease. Raises LeaseLost.
    """
    frozen = lease.job.arguments.get("decisions")
    if frozen is None:
        frozen = {
            decision.value: list(EventType.objects.filter(decision=decision).values_list("pk", flat=True))
            for decision in Decision
        }
        lease.job.arguments["decisions"] = frozen
        with lease.writing():
            PromotionJob.objects.filter(pk=lease.job.pk).update(arguments=lease.job.arguments)
    by_id = {pk: decision for decision, ids in frozen.items() for pk in ids}
    names = EventType.objects.filter(pk__in=by_id).values_list("full_name", "pk")
    return {name: Decided(pk, by_id[pk]) for name, pk in names}
