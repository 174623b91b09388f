"""The rows of a plan: each judgement with its event, the record that would be produced, and the fields that change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from django.db.models import F, Func, IntegerField

from promotion.actions.masking import Masks
from promotion.domain.diff import Difference
from promotion.domain.octets import Octets, shown
from promotion.domain.shown_difference import ShownDifference, between, shown_differences
from promotion.domain.wire import PREFIX_BYTES
from promotion.models import Judgement, Plan
from promotion.states import FORCIBLE, REFUSING, Verdict

#: Of the columns of an event, those that a list does not show and that may be large.
LARGE = (
    "event__key", "event__value", "event__headers", "event__document", "event__revision__body",
    "event__revision__schema__text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """What would be produced: `registry_id` is None where the schema has to be registered, `size` the value's bytes."""

    partition: int
    key: Octets
    subject: str
    registry_id: int | None
    size: int


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One judgement as the list shows it; `record` is None where the event stays behind."""

    judgement: Judgement
    verdict: Verdict
    record: Record | None
    changes: list[ShownDifference]

    @property
    def refused(self) -> bool:
        """Whether it holds the plan up."""
        return self.verdict in REFUSING and not self.judgement.forced

    @property
    def selectable(self) -> bool:
        """Whether somebody may force it in, or take that back."""
        return self.verdict in FORCIBLE


def rows_of(plan: Plan, judgements: Sequence[Judgement], masks: Masks) -> list[PlanRow]:
    """Return the rows of `judgements`, loaded with `with_events`, without what is masked. One query for all of them."""
    for each in judgements:
        each.aggregate = masks.label(each.aggregate)
    ordinals = [each.ordinal for each in judgements if each.ordinal is not None]
    records = _records(plan, ordinals)
    return [
        PlanRow(
            each,
            Verdict(each.verdict),
            records.get(each.ordinal) if each.ordinal is not None else None,
            shown_differences(map(_difference, masks.changes(masks.of(each.event), each.changes or ()))),
        )
        for each in judgements
    ]


def first_refusing(plan: Plan, most: int) -> list[Judgement]:
    """Return the first judgements that hold the plan up, in order. Each verdict is read along its index."""
    found = with_events(plan.judgements.filter(forced=False))
    parts = [
        found.filter(verdict=verdict).order_by("position")[:most]
        for verdict in sorted(REFUSING)
        if plan.number_of(verdict)
    ]
    return list(merge(*parts, key=lambda each: each.position))[:most]


def with_events(judgements: Any) -> Any:
    """Load the events of `judgements` along, without what may be large."""
    related = ("event__event_type", "event__revision__schema")
    return judgements.select_related(*related).defer(*LARGE, "identity", "origin")


def _records(plan: Plan, ordinals: Iterable[int]) -> dict[int, Record]:
    size = Func(F("body"), function="octet_length", output_field=IntegerField())
    steps = plan.steps.filter(ordinal__in=list(ordinals)).annotate(size=size)
    columns = ("ordinal", "partition", "key", "subject", "registry_id", "size")
    return {
        ordinal: Record(partition, shown(bytes(key)), subject, registry_id, PREFIX_BYTES + size)
        for ordinal, partition, key, subject, registry_id, size in steps.values_list(*columns)
    }


def _difference(change: dict[str, Any]) -> Difference:
    return between(str(change.get("path", "")), change.get("from"), change.get("to"))
