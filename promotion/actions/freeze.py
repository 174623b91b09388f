"""Freeze a plan: exactly what would be produced, with its digest. Nothing is registered, nothing goes to Kafka.

First everything is asked of cluster and registry, then one pass over the events in their order computes and stores
the steps. Every event that cannot go out is found in that pass, not only the first.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice

from django.db import connection, transaction
from django.db.models import Case, F, When

from promotion.actions import preflight
from promotion.actions.connect import registry_connection
from promotion.actions.lease import Lease
from promotion.actions.outgoing import outgoing
from promotion.actions.replay_schemas import TargetSchemas
from promotion.domain.decode import read
from promotion.domain.digest import PlanDigest
from promotion.domain.keys import Tenancy, outgoing_key
from promotion.domain.provenance import Hop, outgoing_headers
from promotion.domain.record import Headers, pack_headers, unpack_headers
from promotion.domain.refusals import Refusals
from promotion.domain.target_limits import LimitCheck, batch_bytes
from promotion.domain.wire import GUID_HEADER, PREFIX_BYTES
from promotion.errors import InvalidInput, Refused
from promotion.kafka.cluster import TopicFacts
from promotion.kafka.partitioner import partition_for
from promotion.kafka.registry import Registry
from promotion.models import AvroSchema, Event, EventType, Plan, Promotion, PromotionJob
from promotion.models.event import EventQuerySet

CHUNK = 2_000
COPY_STEPS = (
    "COPY promotion_planstep (plan_id, ordinal, event_id, revision_id, partition, timestamp, key, headers, subject,"
    " schema_id, registry_id, body) FROM STDIN (FORMAT BINARY)"
)
STEP_TYPES = ("uuid", "int4", "int8", "int8", "int4", "int8", "bytea", "text", "varchar", "int8", "int8", "bytea")
Row = tuple[object, ...]


def freeze(lease: Lease, promotion: Promotion, facts: TopicFacts, register_versions: bool) -> Plan:
    """Make the plan of `promotion` for the target that `facts` describes, and store it as the job's.

    Raises Refused with every problem of every event and every limit of the target; nothing is stored then.
    """
    lease.progress(0, phase="Asking the target's registry")
    events = promotion.events.outgoing()
    with Registry(registry_connection(promotion.target)) as registry:
        schemas = TargetSchemas(registry, promotion.target, register_versions)
        rows = {row.pk: row for row in AvroSchema.objects.filter(pk__in=_schemas_in_use(events))}
        for row in rows.values():
            lease.check()
            schemas.ask(row)
    lease.progress(0, phase="Planning")
    plan = Plan(
        promotion=promotion,
        created_by=lease.job.requested_by,
        cluster_id=facts.cluster_id,
        topic=facts.topic,
        partitions=facts.partitions,
        register_versions=register_versions,
    )
    freezer = _Freezer(plan, rows, schemas, LimitCheck(preflight.limits(facts), time.time_ns() // 1_000_000))
    # One transaction, and nothing in it calls Kafka or the registry. The lease is looked at last: its row stays
    # locked until the end, and its holder must be able to renew it meanwhile.
    with transaction.atomic():
        for chunk in _chunks(_in_order(events), CHUNK):
            lease.check()
            _copy(freezer.steps(chunk))
        freezer.refuse_problems()
        freezer.finish()
        with lease.writing():
            plan.save(force_insert=True)
            arguments = lease.job.arguments | {"plan": str(plan.pk)}
            PromotionJob.objects.filter(pk=lease.job.pk).update(arguments=arguments)
    lease.job.arguments = arguments
    return plan


def _schemas_in_use(events: EventQuerySet) -> list[int]:
    """The schemas of what goes out: the revision's where it has a body."""
    written_in = Case(When(revision__body__isnull=False, then=F("revision__schema_id")), default=F("schema_id"))
    rows = events.order_by().annotate(written_in=written_in).values_list("written_in", flat=True)
    return list(rows.distinct())


def _in_order(events: EventQuerySet) -> Iterator[Event]:
    """The events from a cursor on the server: memory stays the same, however many there are."""
    fields = ("partition", "offset", "timestamp", "key", "value", "headers", "event_type_id", "schema_id")
    revision = ("revision__schema_id", "revision__body")
    rows = events.in_order().select_related("revision").only("promotion_id", *fields, *revision)
    return rows.iterator(chunk_size=CHUNK)


def _chunks(events: Iterator[Event], size: int) -> Iterator[list[Event]]:
    while chunk := list(islice(events, size)):
        yield chunk


def _copy(rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(COPY_STEPS) as copy:
        copy.set_types(STEP_TYPES)
        for row in rows:
            copy.write_row(row)


class _Freezer:
    """Turns events into steps, one after the other, and keeps what the plan says of all of them."""

    def __init__(self, plan: Plan, rows: dict[int, AvroSchema], schemas: TargetSchemas, limits: LimitCheck) -> None:
        promotion = plan.promotion
        self._plan = plan
        self._rows = rows
        self._schemas = schemas
        self._limits = limits
        self._refusals = Refusals()
        self._digest = PlanDigest()
        self._ordinal = 0
        self._bytes = 0
        self._target = promotion.target
        self._tenancies = Tenancy(promotion.source.tenancy), Tenancy(promotion.target.tenancy)
        self._from = promotion.source.name, promotion.export.cluster_id, promotion.export.topic
        self._types = dict(EventType.objects.values_list("pk", "full_name"))

    def steps(self, events: Iterable[Event]) -> Iterator[Row]:
        """Yield the rows of the events' steps; events that cannot go out are noted and yield none."""
        for event in events:
            try:
                yield self._step(event)
            except (InvalidInput, Refused) as error:
                short = self._types.get(event.event_type_id or 0, "").rpartition(".")[2]
                said = " ".join((error.message, *error.problems[:5], error.hint))
                self._refusals.add(f"{short}: {said}", event.partition, event.offset)

    def refuse_problems(self) -> None:
        """Raise Refused with everything that was noted, and with what the target's limits say."""
        problems = self._refusals.problems() + self._limits.problems()
        if not problems:
            return
        count = self._refusals.count
        events = "1 event" if count == 1 else f"{count:,} events"
        what = f"{events} cannot go to {self._target.name}." if count else ""
        raise Refused(what or f"Topic {self._plan.topic} cannot take all of it.", preflight.NOTHING_WRITTEN, problems)

    def finish(self) -> None:
        """Write the totals into the plan."""
        self._plan.digest = self._digest.hexdigest()
        self._plan.steps_count = self._ordinal
        self._plan.bytes_count = self._bytes

    def _step(self, event: Event) -> Row:
        # The rows are here already: `outgoing` would otherwise ask the database for each schema.
        event.schema = self._rows.get(event.schema_id or 0)
        revision = event.revision
        if revision is not None and revision.body is not None:
            revision.schema = self._rows[revision.schema_id]
        written = outgoing(event)
        schema_id = event.schema_id if revision is None or revision.body is None else revision.schema_id
        fit = self._schemas.fit(schema_id or 0)
        if event.timestamp <= 0:
            raise Refused("The record has no timestamp.", "Exclude it: no timestamp was ever known for it.")
        source_key = None if event.key is None else bytes(event.key)
        key = outgoing_key(read(written.schema, written.data), source_key, *self._tenancies)
        body = fit.body(written.schema, written.data)
        headers = self._headers(event)
        partition = partition_for(key, self._plan.partitions)
        size = batch_bytes(key, PREFIX_BYTES + len(body), headers)
        self._limits.add(partition, event.timestamp, size, event.partition, event.offset)
        self._digest.add(key, partition, event.timestamp, headers, fit.subject, fit.schema.fingerprint, body)
        ordinal, self._ordinal, self._bytes = self._ordinal, self._ordinal + 1, self._bytes + size
        return (
            self._plan.pk, ordinal, event.pk, event.revision_id, partition, event.timestamp,
            key, pack_headers(headers), fit.subject, fit.schema_id, fit.registry_id, body,
        )  # fmt: skip

    def _headers(self, event: Event) -> Headers:
        # A schema's GUID belongs to the source's registry; the outgoing value bears the target's id.
        kept = tuple(item for item in unpack_headers(event.headers) if item[0] != GUID_HEADER)
        hop = Hop(*self._from, event.partition, event.offset, sha256(bytes(event.value)).hexdigest())
        return outgoing_headers(kept, str(self._plan.promotion_id), hop)


def plan_of(job: PromotionJob) -> Plan | None:
    """Return the plan that `job` has frozen or was asked to replay; None where it has none yet."""
    plan_id = job.arguments.get("plan")
    if plan_id is None:
        return None
    return Plan.objects.select_related("promotion__source", "promotion__target").get(pk=uuid.UUID(plan_id))
