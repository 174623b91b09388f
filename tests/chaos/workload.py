"""The work that is disturbed: real promotions, and the verdict about each. Import it with Django set up."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition
from django.db.models import Count

from portal_admin.embedded.stack import Cluster
from promotion import jobs
from promotion.actions.connect import kafka_connection
from promotion.actions.replay_start import request_replay
from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.kafka.cluster import create_topic
from promotion.models import Environment, Promotion, PromotionJob, Receipt, Replay, ReplayAttempt, Verification
from promotion.states import PromotionState, VerificationVerdict
from tests import cast
from tests.chaos.ground import Ground
from tests.chaos.judge import PREFIX_BYTES, Verdict, Wanted, headers_of_a_promotion, judge
from tests.jobs.processes import until
from tests.replay.stage import Source, consumed, exported, schema
from tests.services import unique

PARTITIONS = 3
PATIENCE_SECONDS = 120
BATCH = 100


def make_promotion(ground: Ground, title: str, events: int) -> Promotion:
    """An exported promotion of `events` new events, from a topic of its own to a topic of its own."""
    source = _environment("dev", 10, ground.dev)
    target = _environment("sit", 20, ground.sit)
    made = Source(source)
    types = [
        schema(made.name("ApiCreatedEvent"), ("hostId", "string"), ("apiId", "string"), ("size", "long")),
        schema(made.name("RoleCreatedEvent"), ("hostId", "string"), ("roleId", "string"), generation="document"),
    ]
    for number in range(events):
        made.add(types[number % 2], headers=(("traceparent", b"00-1"), ("empty", None)) if number % 3 else ())
    made.produce()
    return exported(source, target, title)


def follow_the_services(ground: Ground) -> None:
    """Tell the environments of earlier runs where the services are now."""
    for name, cluster in (("dev", ground.dev), ("sit", ground.sit)):
        Environment.objects.filter(name__startswith=f"{name}-").update(
            bootstrap_servers=cluster.bootstrap_servers, registry_url=cluster.registry_url
        )


def start_replay(promotion: Promotion, batches: bool) -> PromotionJob:
    """Ask for the replay as the release manager. The nonces are kept: the judge compares with the source's bytes.

    Each promotion has types of the same names in its own namespace, as if they had moved: versions are registered.
    """
    mode = Mode.BATCHES if batches else Mode.ALL
    choices = PlanChoices(nonce=Policy.KEEP, mode=mode, batch_size=BATCH, register_versions=True)
    return jobs.enqueue(request_replay(cast.user("manager"), promotion, choices=choices))


def verdict(ground: Ground, promotion: Promotion) -> tuple[Verdict, list[str]]:
    """What the judge says of the target's topic, and what the console says that is not so."""
    source, target = promotion.source, promotion.target
    read = consumed(ground.dev, source.topic)
    cluster = _cluster_id(ground.dev)
    wanted = [
        Wanted(
            (record.partition, record.offset), record.key, record.value[PREFIX_BYTES:],
            headers_of_a_promotion(record.headers, str(promotion.pk), source.name, cluster, record),
            record.timestamp, record.partition,
        )
        for record in sorted(read, key=lambda record: record.timestamp)
    ]  # fmt: skip
    found = consumed(ground.direct, target.topic)
    arrived = [
        Wanted(_where_from(r.headers), r.key, r.value[PREFIX_BYTES:], r.headers, r.timestamp, r.partition)
        for r in found
    ]
    places = [(record.partition, record.offset) for record in found]
    where = dict(zip((record.identity for record in arrived), places, strict=True))
    said = [*_misreported(promotion, wanted, arrived, where), *_unproven(promotion), *_left_open(ground, target.topic)]
    return judge(wanted, arrived), said


def _misreported(promotion: Promotion, wanted: list[Wanted], arrived: list[Wanted], where: dict) -> list[str]:
    """The console's own state, receipts and frozen plan, compared with what is there."""
    replay = Replay.objects.filter(plan__promotion=promotion).order_by("-started_at").first()
    if promotion.state != PromotionState.REPLAYED or replay is None or replay.finished_at is None:
        return [f"promotion {promotion.pk} is {promotion.state}, its replay not finished"]
    faults = []
    if replay.committed != len(wanted):
        faults.append(f"promotion {promotion.pk} claims {replay.committed} records")
    receipts = Receipt.objects.committed().filter(attempt__replay__plan__promotion=promotion)
    said = list(receipts.order_by("ordinal").values_list("ordinal", "partition", "offset"))
    if said != [(ordinal, *where.get(record.identity, (-1, -1))) for ordinal, record in enumerate(wanted)]:
        faults.append(f"the receipts of promotion {promotion.pk} are not where the records are")
    frozen = {bytes(body) for body in replay.plan.steps.values_list("body", flat=True)}
    if frozen != {record.value for record in arrived}:
        faults.append(f"promotion {promotion.pk} froze other bytes than those that arrived")
    return faults


def _unproven(promotion: Promotion) -> list[str]:
    """What the console's own verification says where that is not "verified"; it follows every replay by itself."""
    found = Verification.objects.filter(replay__plan__promotion=promotion)
    until(found.exists, PATIENCE_SECONDS, f"the verification of promotion {promotion.pk}")
    failed = found.exclude(verdict=VerificationVerdict.VERIFIED)
    return [f"promotion {promotion.pk}: verification {each.verdict}" for each in failed]


def transactions(promotion: Promotion) -> dict[str, int]:
    """How many transactions there were, by outcome."""
    attempts = ReplayAttempt.objects.filter(replay__plan__promotion=promotion).order_by()
    return dict(attempts.values_list("outcome").annotate(Count("pk")))


def _left_open(ground: Ground, topic: str) -> list[str]:
    """Whether somebody's transaction still hides later records from readers of committed ones."""
    ends = []
    for isolation in ("read_committed", "read_uncommitted"):
        settings = {"bootstrap.servers": ground.direct.bootstrap_servers, "group.id": unique("judge")}
        consumer = Consumer(settings | {"isolation.level": isolation})
        ends.append([consumer.get_watermark_offsets(TopicPartition(topic, n), 10)[1] for n in range(PARTITIONS)])
        consumer.close()
    return [] if ends[0] == ends[1] else [f"a transaction is open on {topic}: {ends}"]


def _environment(name: str, order: int, cluster: Cluster) -> Environment:
    topic = unique(f"chaos-{name}")
    made = cast.environment(
        unique(name), order=order, bootstrap_servers=cluster.bootstrap_servers, registry_url=cluster.registry_url,
        topic=topic,
    )  # fmt: skip
    create_topic(kafka_connection(made), topic, PARTITIONS, {"retention.ms": "-1"})
    return made


def _where_from(headers) -> object:
    said = dict(headers)
    try:
        return int(said["promotion.source.partition"]), int(said["promotion.source.offset"])
    except (KeyError, ValueError, TypeError):
        return None


def _cluster_id(cluster: Cluster) -> str:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": unique("judge")})
    try:
        return consumer.list_topics(timeout=10).cluster_id
    finally:
        consumer.close()
