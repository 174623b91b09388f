"""How the steps of a replay lie over the target's partitions: planned, committed, and on their way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count, Q

from promotion.models import Plan

#: By partition: committed, produced (what is committed included), planned.
Spread = dict[int, list[int]]


def spread(plan: Plan, committed: int) -> Spread:
    """Return the spread of a plan of which the first `committed` steps have arrived: one query over all steps."""
    arrived = Count("ordinal", filter=Q(ordinal__lt=committed))
    rows = plan.steps.order_by().values_list("partition").annotate(planned=Count("ordinal"), arrived=arrived)
    return {partition: [done, done, planned] for partition, planned, done in sorted(rows)}


class Underway:
    """Counts what is produced after the first `committed` steps. `octets` are of what this attempt has produced."""

    def __init__(self, plan: Plan, committed: int) -> None:
        self.octets = 0
        self.spread = spread(plan, committed)

    def take(self, partitions: Iterable[int], octets: int) -> None:
        """Count some records that were produced, by their partitions, and the bytes of their values."""
        self.octets += octets
        for partition, number in Counter(partitions).items():
            self.spread[partition][1] += number

    def committed(self) -> None:
        """Note that everything that was produced is committed."""
        for each in self.spread.values():
            each[0] = each[1]
