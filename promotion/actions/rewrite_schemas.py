"""The target's newest schema of each type that rules may take events to: asked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from promotion.actions.connect import registry_connection
from promotion.actions.schemas import store_schema
from promotion.domain.connection import SubjectStrategy, subject
from promotion.domain.rewrite import rules_from_json
from promotion.domain.schema import Schema, parse
from promotion.kafka.registry import Registry
from promotion.models import AvroSchema, EventType, Promotion, Revision
from promotion.states import RevisionKind

#: Actions after which an event may fit the target's schema only.
STRUCTURAL = frozenset({"set", "rename", "drop", "retype", "event_id"})


class TargetTypes:
    """The target's schemas of the types that a pass needs, with their rows.

    Where no rule changes what an event is made of, nothing is asked. Raises what the registry raises.
    """

    def __init__(self, promotion: Promotion, rules: Sequence[dict[str, Any]], check: Callable[[], None]) -> None:
        self._schemas: dict[str, Schema] = {}
        self._rows: dict[str, int] = {}
        names = _names(promotion, [each["rule"] for each in rules if each["enabled"]])
        if not names:
            return
        target = promotion.target
        strategy = SubjectStrategy(target.subject_strategy)
        with Registry(registry_connection(target)) as registry:
            for name in sorted(names):
                check()
                latest = registry.latest(subject(strategy, target.topic, name))
                if latest is not None:
                    self._keep(name, latest.text)

    def of(self, full_name: str) -> Schema | None:
        """Return the target's newest schema of a type, None where it has none or nobody needs it."""
        return self._schemas.get(full_name)

    def row(self, schema: Schema) -> int:
        """Return the id of the schema's row."""
        return self._rows[schema.sha256]

    def _keep(self, name: str, text: str) -> None:
        schema = parse(text)
        if schema.full_name == name:  # with one subject for a whole topic the newest may be another type's
            self._schemas[name] = schema
            self._rows[schema.sha256] = store_schema(text).pk


class KnownTypes:
    """The same from what earlier passes of the promotion have brought: a page asks no registry."""

    def __init__(self, promotion: Promotion) -> None:
        rows = AvroSchema.objects.filter(pk__in=_written_by_rules(promotion)).order_by("pk")
        self._schemas = {row.full_name: parse(row.text) for row in rows}
        self._rows = {row.sha256: row.pk for row in rows}

    def of(self, full_name: str) -> Schema | None:
        """Return the schema that rules took events of the type to, None where they took none."""
        return self._schemas.get(full_name)

    def row(self, schema: Schema) -> int:
        """Return the id of the schema's row."""
        return self._rows[schema.sha256]


def _names(promotion: Promotion, rules: list[dict[str, Any]]) -> set[str]:
    """The types that a pass may need the target's schema of."""
    structural = [
        rule
        for rule, raw in zip(rules_from_json(rules), rules, strict=True)
        if any(action["do"] in STRUCTURAL for action in raw["then"])
    ]
    rows = EventType.objects.filter(pk__in=promotion.events.order_by().values("event_type")) if structural else []
    names = {
        row.full_name
        for row in rows
        if any(rule.selects(row.full_name, row.aggregate, row.action) for rule in structural)
    }
    return names | {action["to"] for raw in rules for action in raw["then"] if action["do"] == "retype"}


def _written_by_rules(promotion: Promotion) -> Any:
    made = Revision.objects.filter(event__promotion=promotion, kind=RevisionKind.RULES).order_by()
    return made.values("schema").distinct()
