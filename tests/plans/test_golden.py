"""A plan says of the same events what it said when all of it was kept as objects: the figures are of that version."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from promotion.actions import load_event_types
from promotion.actions.freeze import Freezer
from promotion.actions.plan_look import Looker
from promotion.actions.plan_target import TargetReading, _folding
from promotion.actions.plan_types import TypeTable
from promotion.actions.replay_schemas import TargetSchemas
from promotion.actions.schema_source import Entry, SetOfSchemas
from promotion.actions.target_scan import TargetScan
from promotion.domain.event_id_body import patched, spans
from promotion.domain.fold import Fold
from promotion.domain.judge import Copy, TargetState, Verdict
from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.domain.provenance import Hop, outgoing_headers
from promotion.domain.record import Headers, pack_headers
from promotion.domain.schema import Schema
from promotion.domain.shelf import MOST_BYTES, Shelf
from promotion.domain.target_limits import LimitCheck, TargetLimits
from promotion.domain.wire import frame
from promotion.kafka.reader import Batch
from promotion.management.demo.seed import catalogue
from promotion.models import AvroSchema, Event, EventType, Export, Plan, Promotion, Revision
from promotion.states import PromotionState, RevisionKind
from tests import cast
from tests.bench.kcat.events import CHANGED, HOSTS, NAMESPACE, START, Events, Made

COUNT = 920
NOW = START + 90 * 86_400_000
PARTITIONS = 3
GONE = tuple(f"{name}DeletedEvent" for name in CHANGED[:5])


@dataclass(frozen=True)
class Raw:
    """A record as the client would hold it."""

    at: tuple[int, int]
    time: int
    its_key: bytes | None
    its_value: bytes | None
    its_headers: Headers

    def __len__(self) -> int:
        return len(self.its_value or b"")

    def partition(self) -> int:
        return self.at[0]

    def offset(self) -> int:
        return self.at[1]

    def timestamp(self) -> tuple[int, int]:
        return int(self.time >= 0), self.time

    def key(self) -> bytes | None:
        return self.its_key

    def value(self) -> bytes | None:
        return self.its_value

    def headers(self) -> Any:
        return list(self.its_headers) or None


class Topic:
    """A topic without a cluster: it hands out its records."""

    def __init__(self, records: list[Raw]) -> None:
        self.records = records
        self.ends = dict(Counter(each.at[0] for each in records))

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[Batch]:
        for begin in range(0, len(self.records), 100):
            yield Batch("topic", self.records[begin : begin + 100])


class Story:
    """Events that were created, changed, deleted, written wrongly, grouped, promoted before; and a target."""

    def __init__(self) -> None:
        self.random = random.Random(20)
        self.schemas = catalogue()
        self.names = sorted(self.schemas)
        self.ids = {name: number for number, name in enumerate(self.names, 100)}
        made = Events(self.schemas, COUNT)
        self.made = list(made.promotable())
        nonces = Counter[int]()
        for number in range(60):
            gone = made._made(number * 9, nonces, GONE[number % len(GONE)], number % len(HOSTS), number % 13)
            self.made.insert(self.random.randrange(len(self.made)), gone)
        self.records = [self._record(number, each) for number, each in enumerate(self.made)]
        self.topic = self._topic()

    def schema(self, made: Made) -> Schema:
        return self.schemas[NAMESPACE + made.type]

    def hop(self, number: int) -> Hop:
        value = self.records[number][1]
        return Hop("dev", "a-cluster", "dev-portal-event", number % 4, number // 4, sha256(value).hexdigest())

    def _record(self, number: int, made: Made) -> tuple[bytes | None, bytes, Headers]:
        key, value, headers = made.host.encode(), frame(7, made.body), ()
        match self.random.randrange(25):
            case 0:
                value = value[: -self.random.randrange(1, 30)]
            case 1:
                value += b"x"
            case 2 | 3 | 4:
                headers = self._group(number)
            case 5:
                headers = (("a", b"1"), ("a", None), ("promotion.id", b"5"))
            case 6 | 7:
                headers = self._elsewhere(number % 40)
            case 8:
                headers = (*self._elsewhere(number % 40), ("promotion.origin.offset", b"1"))
            case 9:
                headers = (("__value_schema_id", b"\1" + bytes(16)),)
                value = made.body
            case 10:
                value = b"{" + value[1:]
            case 11:
                value = value.replace(made.host.encode(), b"\2" + b"y" * (len(made.host) - 1))
            case 12:
                return None, value, headers
        return key, value, headers

    def _group(self, number: int) -> Headers:
        name = b"t%d" % (number // 20)
        found: Headers = (("transaction_id", name), ("transaction_ordinal", b"%d" % (number % 3)))
        return (*found, ("transaction_count", b"%d" % (1 + number // 20 % 3)))

    def _elsewhere(self, number: int) -> Headers:
        hop = Hop("prod", "cluster-x", "topic-y", number % 3, number, sha256(b"%d" % number).hexdigest())
        return outgoing_headers((("h", b"v"),), str(number), hop)

    def _topic(self) -> Topic:
        records: list[Raw] = []
        ends = Counter[int]()
        for number, made in enumerate(self.made):
            for key, value, headers in self._on_target(number, made):
                partition = self.random.randrange(PARTITIONS)
                time = made.timestamp + self.random.randrange(-(10**8), 10**8) if number % 30 else -1
                records.append(Raw((partition, ends[partition]), time, key, value, headers))
                ends[partition] += 1
        return Topic(records)

    def _on_target(self, number: int, made: Made) -> Iterator[tuple[bytes | None, bytes | None, Headers]]:
        what, schema = self.random.randrange(20), self.schema(made)
        head = self.ids[schema.full_name]
        again = patched(made.body, spans(schema, made.body), self.random.randrange(10**6))
        promoted = outgoing_headers((), "77", self.hop(number))
        if what in (0, 1, 2):
            yield made.host.encode(), frame(head, again), promoted
        elif what == 3:
            yield made.host.encode(), frame(head, again.replace(b"What ", b"That ")), promoted
        elif what in (4, 5, 6):
            yield b"somebody", frame(head, made.body.replace(b"revision", b"Revision")), ()
        elif what == 7:
            yield made.host.encode(), frame(head, again), promoted
            yield made.host.encode(), frame(head, made.body.replace(b"What ", b"Else ")), ()
        elif what == 8:
            yield None, None, ()
            yield made.host.encode(), frame(99_999 if number % 2 else head, again[:-3]), promoted[:-1]
        elif what == 9:
            yield None, frame(head, made.body), self._elsewhere(number % 40)


def tell(story: Story) -> Promotion:
    """The promotion of these events. Some were edited, and of some somebody said that they go out all the same."""
    target = cast.environment("sit", order=20, topic="sit-portal-event")
    source = cast.environment("dev", topic="dev-portal-event")
    promotion = Promotion.objects.create(
        pk=424_242, title="Golden", source=source, target=target, owner=cast.user("manager"),
        state=PromotionState.EXPORTED,
    )  # fmt: skip
    Export.objects.create(promotion=promotion, cluster_id="a-cluster", topic=source.topic, finished_at=timezone.now())
    types = dict(EventType.objects.values_list("full_name", "pk"))
    rows = dict(AvroSchema.objects.values_list("full_name", "pk"))
    highest = Counter[int]()
    events = []
    for number, made in enumerate(story.made):
        (key, value, headers), name = story.records[number], NAMESPACE + made.type
        highest[number % 4] = max(highest[number % 4], made.timestamp)
        events.append(
            Event(
                promotion=promotion, partition=number % 4, offset=number // 4,
                timestamp=made.timestamp if number % 70 else -1, merge_timestamp=highest[number % 4], key=key,
                value=value, headers=pack_headers(headers), event_type_id=types[name], schema_id=rows[name],
                host=made.host,
            )
        )  # fmt: skip
    for number, event in enumerate(Event.objects.bulk_create(events)):
        if number % 31 == 0:
            body = story.made[number].body.replace(b"What ", b"Mine ") if number % 62 else None
            event.revision = Revision.objects.create(
                event=event, number=1, kind=RevisionKind.EDIT, schema_id=event.schema_id, body=body,
                author=promotion.owner,
            )  # fmt: skip
            event.save(update_fields=["revision"])
    return promotion


class Everything:
    """What anything is in."""

    def __contains__(self, _: object) -> bool:
        return True


class _NoLease:
    def check(self) -> None:
        """Nobody asks to stop."""

    def progress(self, *_: Any, **__: Any) -> None:
        """Nobody looks."""


def said(plan: Plan, freezer: Freezer, looker: Looker) -> list[Any]:
    """All that the plan says, by what does not depend on the numbers that a database gives."""
    at = {pk: f"{p}:{o}" for pk, p, o in plan.promotion.events.values_list("pk", "partition", "offset")}
    names = dict(AvroSchema.objects.values_list("pk", "full_name"))
    steps = plan.steps.order_by("ordinal").values_list(
        "event", "revision__number", "partition", "timestamp", "key", "subject", "schema", "registry_id", "body"
    )
    judged = plan.judgements.order_by("position").values_list(
        "event",
        "verdict",
        "forced",
        "ordinal",
        "aggregate",
        "identity",
        "origin",
        "changes",
        "found",
        "problem",
        "hint",
    )
    return [
        *((at[row[0]], *map(plain, row[1:6]), names[row[6]], *map(plain, row[7:])) for row in steps),
        *((at[row[0]], *map(plain, row[1:])) for row in judged),
        freezer.counts, freezer.cuts, freezer.bytes, freezer.problems(), freezer.missing(), freezer.keys.to_json(),
        sorted((names[pk], number) for pk, number in freezer.schemas_used.items()),
    ]  # fmt: skip


def plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


KEPT = PlanChoices(nonce=Policy.KEEP, mode=Mode.BATCHES, batch_size=50)
CHANGED_ALL = PlanChoices(kafka_timestamp=Policy.REPLAY, event_timestamp=Policy.REPLAY)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("most", "asked"),
    [(MOST_BYTES, True), (-1, True), (MOST_BYTES, False)],
    ids=["in memory", "in a file", "with more than was asked for"],
)
@pytest.mark.parametrize(
    ("choices", "digest", "counts"),
    [
        (
            KEPT,
            "b0c07e4445b1ba7f",
            {
                "new": 310, "changed": 230, "same": 31, "already_promoted": 191, "conflict": 22, "invalid": 134,
                "orphan": 62, "forced": 10,
            },
        ),
        (
            CHANGED_ALL,
            "7fc6a0a01a187139",
            {
                "new": 317, "changed": 233, "same": 32, "already_promoted": 193, "conflict": 22, "invalid": 121,
                "orphan": 62, "forced": 10,
            },
        ),
    ],
    ids=["kept", "changed"],
)  # fmt: skip
def test_the_same_events_get_the_same_plan(
    choices: PlanChoices, digest: str, counts: dict[str, int], most: int, asked: bool
) -> None:
    load_event_types.load(settings.SCHEMAS_DIR)
    story = Story()
    promotion = tell(story)
    types = TypeTable.load()
    looker = Looker(promotion, types)
    entries = [Entry(story.ids[name], name, schema.fingerprint, schema.text) for name, schema in story.schemas.items()]
    registry = SetOfSchemas("sit", entries)
    schemas = TargetSchemas(registry, promotion.target, False)
    for row in list(looker.rows.values()):
        schemas.ask(row)
    wanted = looker.survey(_NoLease(), choices.nonce == Policy.CONTINUE)
    if not asked:  # digests may be taken for others that begin alike: here all are
        wanted = replace(wanted, identities=Everything(), origins=Everything())
    state = TargetState(fold=Fold(most), copies=Shelf(tuple, Copy._make, most))
    folding = _folding(state, choices.event_timestamp == Policy.KEEP)
    scan = TargetScan(registry, types, wanted, lambda: None, *folding)
    scan.run(story.topic, dict.fromkeys(story.topic.ends, 0), story.topic.ends, lambda _: None)
    plan = Plan(
        promotion=promotion, created_by=promotion.owner, choices=choices.to_json(), timestamp=NOW, partitions=PARTITIONS
    )
    target = TargetReading(state, {}, story.topic.ends, dict(scan.counts), scan.evidence, sorted(scan.unknown_ids))
    limits = LimitCheck(TargetLimits(retention_ms=85 * 86_400_000, max_message_bytes=1_400), NOW)
    forced = {}
    for number, pk in enumerate(promotion.events.order_by("partition", "offset").values_list("pk", flat=True)):
        if number % 9 == 0:
            forced[pk] = frozenset({Verdict.SAME, Verdict.CONFLICT} if number % 2 else {Verdict.ORPHAN})
    freezer = Freezer(plan, types, looker, schemas, target, limits, lambda _: forced)
    for chunk in looker.chunks():
        freezer.take(chunk)
    plan.digest, plan.steps_count, plan.bytes_count = "x" * 64, freezer.ordinal, freezer.bytes
    plan.save(force_insert=True)
    whole = [*said(plan, freezer, looker), sorted(scan.counts.items()), scan.evidence, scan.unknown_ids, state.nonces]
    assert {verdict: n for verdict, n in freezer.counts.items() if n} == counts
    assert sha256("\n".join(map(repr, whole)).encode()).hexdigest()[:16] == digest
