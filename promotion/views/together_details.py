"""What the page that edits one field of many events shows: the fields there are, what would become of the events."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from promotion.actions.edit_together import Looked, Wanted
from promotion.domain.avro_type import AvroType
from promotion.domain.octets import visible
from promotion.domain.one_field import FieldChoice, fields_of, meant, symbols_of, takes_nothing
from promotion.domain.rewrite.fitting import Filling, Unfit
from promotion.domain.schema import MalformedSchema, parse
from promotion.domain.shown_difference import shown_differences
from promotion.forms.together import Groups
from promotion.models import AvroSchema, Event, EventType, Promotion
from promotion.models.event import EventQuerySet

#: Schemas that are looked at for fields, fields of each, and fields to choose from.
MOST_SCHEMAS, MOST_FIELDS, MOST_CHOICES = 200, 300, 500
#: Values and reasons that the page shows, and events of a reason.
MOST_VALUES, MOST_REASONS, MOST_EVENTS = 20, 20, 50


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that the events' schemas have: `found` by path, for each of the schemas that have it."""

    schemas: int
    found: dict[str, list[FieldChoice]]

    def groups(self) -> Groups:
        """Return the paths as the choices of a form: those that all schemas have, then the others."""
        shared = [path for path, each in self.found.items() if len(each) == self.schemas]
        others = [path for path in self.found if len(self.found[path]) < self.schemas]
        groups = [("Every type has", shared), ("Some types have", others)]
        left, shown = MOST_CHOICES, []
        for name, paths in groups:
            shown.append((name, [(path, self._said(path)) for path in paths[:left]]))
            left -= min(left, len(paths))
        return [(name, choices) for name, choices in shown if choices]

    def types(self, path: str) -> list[AvroType]:
        """Return what stands at a path, a type for each schema that has it."""
        return [each.type for each in self.found.get(path, [])]

    def about(self, path: str) -> dict[str, Any]:
        """Return what the page says of a field: its types, its documentation, in how many types it is."""
        choices = self.found.get(path, [])
        return {
            "path": path,
            "types": list(dict.fromkeys(str(each.type) for each in choices))[:5],
            "docs": list(dict.fromkeys(each.doc for each in choices if each.doc))[:3],
            "count": len(choices),
            "schemas": self.schemas,
        }

    def symbols(self, path: str) -> list[str]:
        """Return the only values that the field takes everywhere, none where it takes others."""
        parts = [symbols_of(node) for node in self.types(path)]
        return list(dict.fromkeys(each for part in parts for each in part))[:500] if parts and all(parts) else []

    def clearable(self, path: str) -> bool:
        """Whether the field may be null in any of the schemas."""
        return any(takes_nothing(node) for node in self.types(path))

    def _said(self, path: str) -> str:
        count = len(self.found[path])
        return path if count == self.schemas else f"{path} ({count:,} of {self.schemas:,} types)"


def fields(promotion: Promotion, chosen: EventQuerySet | None) -> Fields:
    """Return the fields of the chosen events' schemas; with None, of the types of all the promotion's events."""
    found: dict[str, list[FieldChoice]] = {}
    schemas = 0
    for text in _texts(promotion, chosen):
        try:
            root = parse(text).root
        except MalformedSchema:
            continue
        schemas += 1
        for choice in {each.path: each for each in fields_of(root, MOST_FIELDS)}.values():
            found.setdefault(choice.path, []).append(choice)
    return Fields(schemas, found)


def shown(looked: Looked) -> dict[str, Any]:
    """Return what the page shows of what was looked at."""
    values = looked.values.most_common(MOST_VALUES)
    return {
        "looked": looked,
        "values": [(visible(text), count) for text, count in values],
        "more_values": len(looked.values) - len(values),
        "samples": [(event, shown_differences(differs[:20])) for event, differs in looked.samples],
        "reasons": _reasons(looked),
        "more_unfit": looked.unfit_count - len(looked.unfit),
    }


def rule_link(query: QueryDict, wanted: Wanted, nodes: Sequence[AvroType]) -> str:
    """Return the query that fills in the page of a new rule: the same field and value, the filter's conditions."""
    action = {"do": "set", "path": wanted.path, "value": _value(wanted, nodes)}
    return f"as=rule&suggest={quote(json.dumps([_conditions(query), action], separators=(',', ':')), safe='')}"


def untold(query: QueryDict) -> list[str]:
    """Return what of a filter no rule can say."""
    return [name for name in ("text", "state") if query.get(name)]


def _texts(promotion: Promotion, chosen: EventQuerySet | None) -> list[str]:
    if chosen is None:
        used = Event.objects.filter(promotion=promotion, event_type=OuterRef("pk"))
        rows = EventType.objects.filter(Exists(used), schema__isnull=False).values("schema")
        wanted = Q(pk__in=rows)
    else:
        events = chosen.order_by().filter(quarantine_reason="")
        unedited = events.filter(revision=None).values("schema")
        wanted = Q(pk__in=unedited) | Q(pk__in=events.filter(revision__isnull=False).values("revision__schema"))
    return list(AvroSchema.objects.filter(wanted).order_by("pk").values_list("text", flat=True)[:MOST_SCHEMAS])


def _reasons(looked: Looked) -> list[dict[str, Any]]:
    """The reasons why events cannot take the value, the most frequent first, each with its first events."""
    counted = Counter(reason for _, reason in looked.unfit)
    found = []
    for reason, count in counted.most_common(MOST_REASONS):
        events = [event for event, said in looked.unfit if said == reason]
        found.append({"reason": visible(reason), "count": count, "events": events[:MOST_EVENTS],
                      "more": max(0, count - MOST_EVENTS)})  # fmt: skip
    return found


def _value(wanted: Wanted, nodes: Sequence[AvroType]) -> Any:
    """The value as a rule has it: what the typed text means for the first type that takes it."""
    if wanted.text is None:
        return None
    candidates = meant(wanted.text)
    for candidate in candidates:
        for node in nodes:
            try:
                Filling(candidate).instead_of(node, None)
            except Unfit:
                continue
            return candidate
    return candidates[0]


def _conditions(query: QueryDict) -> list[dict[str, Any]]:
    when: list[dict[str, Any]] = [
        {"is": name, "any": [query[name]]} for name in ("type", "host", "user") if query.get(name)
    ]
    if query.get("field"):
        path, _, value = str(query["field"]).partition("=")
        when.append({"is": "equals", "path": path.strip(), "any": meant(value.strip())})
    numbers = {name: query.get(key, "") for name, key in (("partition", "partition"), ("start", "offset"))}
    given = {name: int(text) for name, text in numbers.items() if text.isdecimal() and text.isascii()}
    return [*when, {"is": "position", **given}] if given else when
