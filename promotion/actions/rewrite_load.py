"""Events as the rules need them: what the rules are done to, and what rules made of it before.

Read without the objects of models, which took a third of a pass: an event may have two revisions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.models.event import EventQuerySet
from promotion.states import RevisionKind

_EVENT = (
    "pk", "partition", "offset", "timestamp", "event_type_id", "schema_id", "value", "headers", "excluded",
    "hand_excluded", "rule_excluded",
)  # fmt: skip
_REVISION = ("pk", "kind", "body", "schema_id", "rules")
_COLUMNS = (*_EVENT, *(f"revision__{n}" for n in _REVISION), *(f"revision__parent__{n}" for n in _REVISION))


@dataclass(frozen=True, slots=True)
class Version:
    """A revision: its id, its Avro body (None: the original's), the id of its schema's row, and its rules' ids."""

    pk: int
    body: bytes | None
    schema_id: int
    rules: Sequence[str]


@dataclass(frozen=True, slots=True)
class RuledEvent:
    """What models.Event says of a kept event, under the same names.

    `base` is what the rules are done to, a version that somebody made, None for the original; `made` is what rules have
    made of it, None where no rule has changed what it says.
    """

    pk: int
    partition: int
    offset: int
    timestamp: int
    event_type_id: int
    schema_id: int
    value: bytes
    headers: str
    excluded: bool
    hand_excluded: bool | None
    rule_excluded: bool | None
    base: Version | None
    made: Version | None

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def load(events: EventQuerySet, chunk: int | None = None) -> Iterator[RuledEvent]:
    """Yield kept `events` in their order; with `chunk` from a cursor on the server, so many at a time."""
    rows = events.values_list(*_COLUMNS)
    for row in rows if chunk is None else rows.iterator(chunk_size=chunk):
        yield _ruled(row)


def _ruled(row: tuple[Any, ...]) -> RuledEvent:
    (pk, partition, offset, timestamp, event_type, schema, value, headers, excluded, hand, rule,
     revision, kind, body, written_in, rules, *parent) = row  # fmt: skip
    base = made = None
    if revision is not None:
        now = Version(revision, None if body is None else bytes(body), written_in, rules)
        base, made = (_parent(parent), now) if kind == RevisionKind.RULES else (now, None)
    return RuledEvent(
        pk, partition, offset, timestamp, event_type, schema, bytes(value), headers, excluded, hand, rule, base, made
    )


def _parent(columns: list[Any]) -> Version | None:
    pk, _, body, written_in, rules = columns
    return None if pk is None else Version(pk, None if body is None else bytes(body), written_in, rules)
