"""What a pass of rules does, counted and shown by example: the preview is this, and the pass keeps it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from promotion.actions.rewrite_event import Result
from promotion.actions.rewrite_load import RuledEvent
from promotion.domain.octets import visible
from promotion.domain.search_document import shown_value
from promotion.models import Promotion

#: Distinct values that are counted of one field, and shown of it.
MOST_VALUES, SHOWN_VALUES = 2_000, 20
#: Fields that are counted, events shown by example, and events named that would become invalid.
MOST_FIELDS, MOST_SAMPLES, MOST_PROBLEMS = 200, 25, 100
#: Examples of changes in the same fields: more of them would show nothing new.
MOST_ALIKE = 3
_OTHERS = ("", "")


class Report:
    """Takes the results of a pass, chunk by chunk. `refused` is how many events speak against the whole."""

    def __init__(self, promotion: Promotion) -> None:
        self._promotion = promotion
        self._counts: Counter[str] = Counter()
        self._by_rule: dict[str, Counter[str]] = defaultdict(Counter)
        self._events: Counter[str] = Counter()
        self._values: dict[str, Counter[tuple[str, str]]] = {}
        self._samples: list[dict[str, Any]] = []
        self._alike: Counter[frozenset[str]] = Counter()
        self._problems: list[dict[str, Any]] = []
        self.seen = self.refused = 0

    def add(self, results: Iterable[tuple[RuledEvent, Result]]) -> None:
        """Take what becomes of some events."""
        for event, result in results:
            self.seen += 1
            self._count(result)
            if result.changes:
                self._fields(event, result)
            if result.problems:
                self._refuse(event, result)

    def counts(self) -> dict[str, Any]:
        """Return the numbers of events."""
        names = ("matched", "changed", "restored", "excluded", "included", "invalid")
        return {"seen": self.seen, **{name: self._counts[name] for name in names}}

    def to_json(self) -> dict[str, Any]:
        """Return what models.RulePass keeps."""
        by_rule = {rule: dict(counts) for rule, counts in self._by_rule.items()}
        return {
            "counts": {**self.counts(), "refused": self.refused, "by_rule": by_rule},
            "fields": [self._field(path, events) for path, events in self._events.most_common(MOST_FIELDS)],
            "samples": self._samples,
            "problems": self._problems,
        }

    def sentences(self) -> list[str]:
        """Return the reasons of a refusal, each with its event."""
        return [f"{each['at']} ({each['type']}): {' '.join(each['problems'])}" for each in self._problems]

    def _count(self, result: Result) -> None:
        for rule in result.matched:
            self._by_rule[rule]["matched"] += 1
        for rule in result.changed_by:
            self._by_rule[rule]["changed"] += 1
        self._counts["matched"] += bool(result.matched)
        self._counts["invalid"] += bool(result.problems)
        if result.change is not None and not result.problems:
            self._counts["restored" if result.restores else "changed"] += bool(result.rewrites)
            self._counts["excluded"] += result.excludes is True
            self._counts["included"] += result.excludes is False
        self.refused += bool(result.problems and result.refuses)

    def _fields(self, event: RuledEvent, result: Result) -> None:
        for path in {each.path for each in result.changes}:
            if path in self._events or len(self._events) < MOST_FIELDS:
                self._events[path] += 1
        for each in result.changes:
            values = self._values.setdefault(each.path, Counter())
            pair = (_text(each.before), _text(each.after))
            values[pair if pair in values or len(values) < MOST_VALUES else _OTHERS] += 1
        paths = frozenset(each.path for each in result.changes)
        self._alike[paths] += 1
        if len(self._samples) < MOST_SAMPLES and self._alike[paths] <= MOST_ALIKE:
            changes = [
                {"path": visible(e.path)[:200], "from": shown_value(e.before), "to": shown_value(e.after)}
                for e in result.changes[:20]
            ]
            self._samples.append({**_about(event, result), "changes": changes})

    def _field(self, path: str, events: int) -> dict[str, Any]:
        values = self._values[path]
        shown = [(pair, n) for pair, n in values.most_common(SHOWN_VALUES + 1) if pair != _OTHERS][:SHOWN_VALUES]
        return {
            "path": visible(path)[:200],
            "events": events,
            "values": [{"from": before, "to": after, "events": n} for (before, after), n in shown],
            "more": len(values) - len(shown),
        }

    def _refuse(self, event: RuledEvent, result: Result) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            problems = [visible(each)[:500] for each in result.problems[:5]]
            self._problems.append({**_about(event, result), "problems": problems})


def _about(event: RuledEvent, result: Result) -> dict[str, Any]:
    return {"event": event.pk, "at": str(event), "type": result.type_name.rpartition(".")[2]}


def _text(value: Any) -> str:
    return visible(value if isinstance(value, str) else str(shown_value(value)))[:120]
