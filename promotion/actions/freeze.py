"""Freeze a plan: judge every outgoing event in order, and store exactly what would be produced, with its digest.

Nothing is registered, nothing goes to Kafka. Everything that cluster and registry have to be asked was asked before:
one pass over the events computes and stores judgements and steps. Every event that cannot go out is found in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promotion.actions.amendments import Amendments
from promotion.actions.copy_rows import CopyRows
from promotion.actions.masking import Masks
from promotion.actions.plan_look import Look, Looker, Row
from promotion.actions.plan_target import TargetReading, content_of
from promotion.actions.plan_types import TypeTable
from promotion.actions.replay_schemas import Fit, TargetSchemas
from promotion.domain.digest import NO_TIMESTAMP, PlanDigest, record_digest
from promotion.domain.event_id import host_of, user_of
from promotion.domain.event_id_body import Spans, patched, spans
from promotion.domain.judge import Candidate, Change, Judge, Judged, Verdict, creates
from promotion.domain.key_moves import KeyMoves
from promotion.domain.keys import NoKey, Tenancy, outgoing_key, what_gives_a_key
from promotion.domain.marks import Marks
from promotion.domain.masks import veiled_texts
from promotion.domain.missing import References, sentence
from promotion.domain.octets import visible
from promotion.domain.outbox import Groups
from promotion.domain.packed_headers import HeaderPacker
from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.domain.refusals import Refusals
from promotion.domain.search_document import shown_value
from promotion.domain.target_limits import LimitCheck, batch_bytes
from promotion.domain.wire import PREFIX_BYTES
from promotion.errors import InvalidInput, PromotionError, Refused
from promotion.kafka.partitioner import partition_for
from promotion.models import Plan
from promotion.states import REFUSING

_STEPS = CopyRows("promotion_planstep", {
    "plan_id": "uuid", "ordinal": "int4", "event_id": "int8", "revision_id": "int8", "partition": "int4",
    "timestamp": "int8", "key": "bytea", "headers": "bytea", "subject": "varchar", "schema_id": "int8",
    "registry_id": "int8", "body": "bytea", "record_digest": "bytea",
})  # fmt: skip
_JUDGEMENTS = CopyRows("promotion_judgement", {
    "plan_id": "uuid", "position": "int4", "event_id": "int8", "verdict": "varchar", "forced": "bool",
    "ordinal": "int4", "aggregate": "varchar", "identity": "bytea", "origin": "bytea", "changes": "jsonb",
    "found": "varchar", "problem": "text", "hint": "text",
})  # fmt: skip
MAX_LABEL = 300
_Columns = tuple[object, ...]
Overrides = Callable[[Sequence[int]], dict[int, frozenset[Verdict]]]


@dataclass(frozen=True, slots=True)
class _Ready:
    """An event that can go out: what it would be on the target before the plan's policies, `where` its numbers are."""

    fit: Fit
    key: bytes
    body: bytes
    where: Spans
    candidate: Candidate


class Freezer:
    """Turns events into judgements and steps, one after the other, and keeps what the plan says of all of them.

    `overrides` returns, by event's id, the verdicts that somebody's word passes by, for the ids of some events.
    """

    def __init__(
        self,
        plan: Plan,
        types: TypeTable,
        looker: Looker,
        schemas: TargetSchemas,
        target: TargetReading,
        limits: LimitCheck,
        overrides: Overrides,
    ) -> None:
        promotion = plan.promotion
        self._plan, self._types, self._looker, self._schemas = plan, types, looker, schemas
        self._choices = PlanChoices.from_json(plan.choices)
        self._limits, self._overrides = limits, overrides
        self._judge = Judge(target.state, promotion.target.name)
        self._nonces = target.state.nonces
        self._tenancies = promotion.tenancy, Tenancy(promotion.target.tenancy)
        self._fold = target.state.fold
        self._refusals, self._groups, self._digest = Refusals(), Groups(), PlanDigest()
        self._references, self._packer = References(), HeaderPacker()
        self._amendments = Amendments.load(promotion)
        self._masks = Masks()  # what the plan says of things is kept as text
        self.counts: Counter[str] = Counter()
        self.schemas_used: Counter[int] = Counter()
        self.keys = KeyMoves()
        self.cuts: list[int] = []
        self.ordinal = self.position = self.bytes = 0
        self._steps: list[_Columns] = []
        self._judgements: list[_Columns] = []

    def take(self, events: Sequence[Row]) -> None:
        """Judge the next events of the order and store what comes of them; inside the plan's transaction."""
        forced = self._overrides([event.pk for event in events])
        for event in events:
            self._take(event, forced.get(event.pk, frozenset()))
        _STEPS.write(self._steps)
        _JUDGEMENTS.write(self._judgements)
        self._steps.clear()
        self._judgements.clear()

    def problems(self) -> list[str]:
        """Return what refuses the plan: events by reason, the target's limits, groups that would be torn apart."""
        return self._refusals.problems() + self._limits.problems() + self._groups.problems()

    def missing(self) -> str:
        """Return what the target would miss: things that outgoing events refer to. Empty where it misses nothing."""
        found, number = self._references.missing(self._fold)
        missing = [(self._masks.identity(each), by, n) for each, by, n in found]
        return visible(sentence(missing, number, self._plan.promotion.target.name))

    def digest(self, target_state: str) -> str:
        """Return the plan's digest, when every event was taken."""
        if not self.cuts or self.cuts[-1] != self.ordinal:
            self.cuts.append(self.ordinal)
        return self._digest.finish(target_state)

    def _take(self, event: Row, forced: frozenset[Verdict]) -> None:
        look: Look | None = None
        try:
            look = self._looker.look(event)
            ready = self._ready(event, look)
        except (InvalidInput, Refused) as error:
            if look is not None and isinstance(error, NoKey):
                self.keys.add_without(look.type.full_name, what_gives_a_key(look.body.schema, self._tenancies[1]))
            marks = self._masks.written(event.event_type_id, self._looker.revision_type(event))
            self._write(event, look, _invalid(error, marks), None)
            return
        judged = self._judge.judge(ready.candidate, forced)
        self._write(event, look, judged, self._step(event, look, ready) if judged.goes else None)

    def _ready(self, event: Row, look: Look) -> _Ready:
        self.schemas_used[look.schema_id] += 1
        fit = self._schemas.fit(look.schema_id)
        if event.timestamp <= 0 and self._choices.kafka_timestamp == Policy.KEEP:
            raise Refused(
                "The record has no timestamp.", "Choose the time of replay for Kafka's timestamps, or exclude it."
            )
        self._amendments.check(event.pk, look.body.schema, look.tree)
        key = outgoing_key(look.tree, event.key, *self._tenancies)
        body = fit.body(look.body.schema, look.body.data)
        where = spans(fit.schema, body)
        candidate = Candidate(
            identity=look.identity,
            action=look.type.action,
            tree=look.tree,
            origin=look.origin,
            content=content_of(fit.schema, body, where, self._choices.event_timestamp == Policy.KEEP),
            creates=creates(look.type.action, look.type.aggregate, self._types.created),
            knows=self._amendments.knows(event.pk, look.identity),
        )
        return _Ready(fit, key, body, where, candidate)

    def _step(self, event: Row, look: Look, ready: _Ready) -> int:
        plan, fit, key = self._plan, ready.fit, ready.key
        self.keys.add(event.key, key)
        body = self._with_policies(look, ready)
        timestamp = event.timestamp if self._choices.kafka_timestamp == Policy.KEEP else plan.timestamp
        partition = partition_for(key, plan.partitions)
        headers = self._packer.pack(look.headers)
        size = batch_bytes(key, PREFIX_BYTES + len(body), headers.octets)
        self._limits.add(partition, timestamp, size, event.partition, event.offset)
        fingerprint = fit.schema.fingerprint
        self._digest.add(key, partition, timestamp, headers, fit.subject, fingerprint, body)
        there = NO_TIMESTAMP if plan.append_time else timestamp
        ordinal, self.ordinal, self.bytes = self.ordinal, self.ordinal + 1, self.bytes + size
        self._steps.append((
            plan.pk, ordinal, event.pk, event.revision_id, partition, timestamp, key, headers.data,
            fit.subject, fit.schema_id, fit.registry_id, body,
            record_digest(key, partition, there, headers, fingerprint, body),
        ))  # fmt: skip
        referred = self._types.referred(look.type, host_of(look.tree) or "", look.tree)
        self._references.add(referred, lambda: self._label(event, look))
        self._groups.add(look.source_headers, event.at)
        self._cut()
        return ordinal

    def _label(self, event: Row, look: Look) -> str:
        """What the plan calls an event that refers to something."""
        return self._masks.identity(look.identity).label if look.identity else f"{look.type.aggregate} {event.at}"

    def _with_policies(self, look: Look, ready: _Ready) -> bytes:
        """The body with the plan's nonce and timestamp; without a policy it stays as it is to the last byte."""
        choices, nonce, where = self._choices, None, ready.where
        user = user_of(look.tree)
        if choices.nonce == Policy.CONTINUE and user is not None and where.nonce is not None:
            nonce = self._nonces[user] = self._nonces.get(user, 0) + 1
        timestamp = self._plan.timestamp if choices.event_timestamp == Policy.REPLAY else None
        return patched(ready.body, where, nonce, timestamp)

    def _cut(self) -> None:
        """End a transaction here where it is full; a group of outbox records is not torn apart."""
        begun = self.cuts[-1] if self.cuts else 0
        full = self.ordinal - begun >= self._choices.batch_size
        if self._choices.mode == Mode.BATCHES and full and not self._groups.unfinished:
            self.cuts.append(self.ordinal)

    def _write(self, event: Row, look: Look | None, judged: Judged, ordinal: int | None) -> None:
        if judged.verdict.value in REFUSING and not judged.goes:
            short = self._types.by_id[event.event_type_id or 0].full_name.rpartition(".")[2]
            self._refusals.add(f"{short}: {judged.problem} {judged.hint}".strip(), event.partition, event.offset)
        self.counts[judged.verdict.value] += 1
        self.counts["forced"] += judged.forced
        identity = look.identity if look is not None else None
        position, self.position = self.position, self.position + 1
        self._judgements.append((
            self._plan.pk, position, event.pk, judged.verdict.value, judged.forced, ordinal,
            visible(identity.label)[:MAX_LABEL] if identity else "", identity.digest if identity else None,
            look.origin if look else b"", _changes(judged.changes), judged.at, judged.problem, judged.hint,
        ))  # fmt: skip


def _invalid(error: PromotionError, marks: Marks) -> Judged:
    """What is wrong with an event; what it holds at marked places is not kept in the plan."""
    said = " ".join((error.message, *veiled_texts(getattr(error, "problems", [])[:5], marks)))
    return Judged(Verdict.INVALID, False, problem=said, hint=error.hint)


def _changes(changes: tuple[Change, ...]) -> str | None:
    if not changes:
        return None
    shown = [
        {"path": visible(c.path)[:200], "from": shown_value(c.before), "to": shown_value(c.after)} for c in changes
    ]
    return json.dumps(shown, ensure_ascii=False)
