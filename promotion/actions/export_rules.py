"""What the export does with each schema it meets: found out once, before a value of it is decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from promotion.actions.export_chunk import Outcome
from promotion.actions.export_decisions import Decided
from promotion.actions.meet_types import meet
from promotion.actions.schema_source import Schemas
from promotion.actions.schemas import store_schema
from promotion.domain.filters import ExportFilter
from promotion.domain.record import Headers
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import PREFIX_BYTES, MalformedValue, header_schema_guid, unframe
from promotion.errors import InvalidInput, NotFound
from promotion.states import Decision, Disposition

_SETTLED = {
    Decision.NOT_PROMOTABLE.value: Disposition.NOT_PROMOTABLE.value,
    Decision.UNDECIDED.value: Disposition.UNDECIDED.value,
}


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What becomes of the records of one schema.

    `outcome` is theirs unless `schema` is set: then they are decoded, and what they hold decides. `reason` says why
    they are quarantined, where they are. `body_at` is where the Avro body begins in the value, in bytes.
    """

    outcome: Outcome
    reason: str = ""
    schema: Schema | None = None
    event_type_id: int | None = None
    schema_id: int | None = None
    body_at: int = PREFIX_BYTES


def quarantine(reason: str) -> Rule:
    """Return the rule for records that nothing can be said about but `reason`."""
    return Rule((Disposition.QUARANTINED.value, ""), reason)


class RuleBook:
    """The rules of one job. `check` is called before each request to the registry: it raises where the job must stop.

    Raises what the registry raises where it cannot be asked: a registry that is down is no reason to quarantine.
    """

    def __init__(
        self, registry: Schemas, decided: Mapping[str, Decided], filters: ExportFilter, check: Callable[[], None]
    ) -> None:
        self.framed: dict[bytes, Rule] = {}
        self._by_guid: dict[UUID, Rule] = {}
        self._registry = registry
        self._decided = decided
        self._filters = filters
        self._check = check

    def of(self, value: bytes, headers: Headers) -> Rule:
        """Return the rule for a record. `framed` is its cache by the first five bytes, for records without headers."""
        try:
            guid = header_schema_guid(headers)
            if guid is None and (rule := self.framed.get(value[:PREFIX_BYTES])) is not None:
                return rule
            return self._with_guid(guid) if guid is not None else self._with_id(value)
        except MalformedValue as malformed:
            return quarantine(malformed.message)

    def _with_guid(self, guid: UUID) -> Rule:
        if guid not in self._by_guid:
            self._by_guid[guid] = self._make(lambda: self._registry.schema_by_guid(guid), body_at=0)
        return self._by_guid[guid]

    def _with_id(self, value: bytes) -> Rule:
        schema_id, _ = unframe(value)
        rule = self._make(lambda: self._registry.schema_by_id(schema_id), PREFIX_BYTES)
        self.framed[value[:PREFIX_BYTES]] = rule
        return rule

    def _make(self, fetch: Callable[[], str], body_at: int) -> Rule:
        self._check()
        try:
            text = fetch()
            schema = parse(text)
            if schema.root.kind != "record":
                return quarantine(f"The schema is of a {schema.root.kind}, and an event is a record.")
            return self._decide(schema, text, body_at)
        except (NotFound, InvalidInput) as unusable:
            return quarantine(unusable.message)

    def _decide(self, schema: Schema, text: str, body_at: int) -> Rule:
        name = schema.full_name
        known = self._decided.get(name)
        if known is None:
            meet(name, store_schema(text))
            return Rule((Disposition.UNDECIDED.value, name))
        if known.decision != Decision.PROMOTABLE.value:
            return Rule((_SETTLED[known.decision], name))
        if not self._filters.takes_type(name):
            return Rule((Disposition.FILTERED.value, name))
        row = store_schema(text)
        return Rule((Disposition.KEPT.value, name), "", schema, known.id, row.pk, body_at)
