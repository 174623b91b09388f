"""Count what an export would keep, without keeping anything: for drift, over topics of millions.

The rules are the export's own (export_classify), and a test holds the two together: nothing of a record is stored, and
a type that nobody knows yet is not put into the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from promotion.actions.export_decisions import Decided
from promotion.actions.export_rules import Rule, RuleBook
from promotion.actions.schema_source import Schemas
from promotion.domain.decode import read
from promotion.domain.event_id import event_id
from promotion.domain.filters import ExportFilter
from promotion.domain.schema import Schema
from promotion.domain.wire import MalformedValue
from promotion.kafka.reader import RawRecord
from promotion.models import EventType
from promotion.states import Decision, Disposition


def promotable() -> dict[str, Decided]:
    """Return what may travel now, by full name."""
    rows = EventType.objects.promotable().order_by("pk").values_list("full_name", "pk")
    return {name: Decided(pk, Decision.PROMOTABLE.value) for name, pk in rows}


class Counting(RuleBook):
    """The export's rules for types of the table; whatever is not promotable is left alone."""

    def __init__(self, schemas: Schemas, decided: dict[str, Decided], filters: ExportFilter) -> None:
        super().__init__(schemas, decided, filters, check=lambda: None)
        self._takes_time = filters.takes_time

    def _decide(self, schema: Schema, text: str, body_at: int) -> Rule:
        if schema.full_name in self._decided:
            return Rule((Disposition.KEPT.value, schema.full_name), "", schema, None, None, body_at)
        return Rule((Disposition.NOT_PROMOTABLE.value, schema.full_name))

    def count(self, records: Iterable[RawRecord]) -> Counter[str]:
        """Return how many of `records` an export would keep, by the type's full name. Raises what the registry does."""
        return Counter(name for raw in records if (name := self._kept(raw)))

    def _kept(self, raw: RawRecord) -> str:
        """Return the type of a record that an export would keep, empty for any other."""
        value = raw.value()
        if value is None:
            return ""
        rule = self.of(value, tuple(raw.headers() or ()))
        if rule.schema is None or not self._takes_time(_timestamp(raw)):
            return ""
        try:
            derived = event_id(read(rule.schema, value[rule.body_at :])).derived
        except MalformedValue:
            return ""
        return "" if derived else rule.outcome[1]


def _timestamp(raw: RawRecord) -> int:
    kind, timestamp = raw.timestamp()
    return timestamp if kind else -1
