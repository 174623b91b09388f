"""The target's newest schema of each type that rules may take events to: asked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from promotion.actions.schema_source import open_schemas, strategy_of
from promotion.actions.schemas import store_schema
from promotion.domain.avro_type import AvroType
from promotion.domain.connection import subject
from promotion.domain.rewrite import parse_path, rules_from_json
from promotion.domain.rewrite.places import locate
from promotion.domain.schema import Schema, parse
from promotion.models import AvroSchema, EventType, Promotion, Revision
from promotion.states import RevisionKind

#: Actions after which an event may fit the target's schema only.
STRUCTURAL = frozenset({"rename", "drop", "retype", "event_id"})


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
        with open_schemas(target) as registry:
            strategy = strategy_of(registry, target)
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
    names = {action["to"] for raw in rules for action in raw["then"] if action["do"] == "retype"}
    checked = list(zip(rules_from_json(rules), rules, strict=True))
    used = promotion.events.filter(quarantine_reason="").order_by().values_list("event_type", "schema").distinct()
    schemas = {row.pk: row for row in AvroSchema.objects.filter(pk__in={schema for _, schema in used})}
    types = EventType.objects.in_bulk({kind for kind, _ in used})
    for kind, schema in used:
        row, root = types[kind or 0], parse(schemas[schema or 0].text).root
        if any(
            rule.selects(row.full_name, row.aggregate, row.action) and _leaves_the_schema(raw, root)
            for rule, raw in checked
        ):
            names.add(row.full_name)
    return names


def _leaves_the_schema(raw: dict[str, Any], root: AvroType) -> bool:
    """Whether a rule changes what an event of this schema is made of: setting a field that it has does not."""
    return any(
        action["do"] in STRUCTURAL or (action["do"] == "set" and locate(root, parse_path(action["path"])) is None)
        for action in raw["then"]
    )


def _written_by_rules(promotion: Promotion) -> Any:
    made = Revision.objects.filter(event__promotion=promotion, kind=RevisionKind.RULES).order_by()
    return made.values("schema").distinct()
