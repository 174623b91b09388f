"""The console's database and the topics, as every round finds them. Import it with Django set up."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO

from confluent_kafka.admin import AdminClient
from django.core.management import call_command

from portal_admin.embedded.stack import Cluster
from promotion.actions import curate
from promotion.actions.connect import kafka_connection
from promotion.domain.connection import RegistryConnection
from promotion.domain.provenance import Hop, outgoing_headers
from promotion.domain.record import Headers
from promotion.domain.wire import frame
from promotion.kafka.cluster import create_topic, inspect
from promotion.kafka.producer import PlainRecord, produce_all
from promotion.management.demo.seed import PARTITIONS, TOPIC_CONFIG, catalogue, register
from promotion.models import Environment
from promotion.states import Decision
from tests import cast
from tests.bench.kcat.events import NAMESPACE, PROMOTABLE, TRANSACTIONAL, Events, Made
from tests.services import unique

#: The promotion that is said to have filled the target of the plans: targets are filled by promotions.
EARLIER = "1000000"
#: The order of the environments of sit: behind those of dev.
SIT = 20


@dataclass
class Stage:
    """Two sources on dev: `mixed`, of which one event in twenty may travel, and `whole`, of which all may.

    `full` is a target on sit that holds what `whole` holds, brought there by an earlier promotion.
    """

    clusters: dict[str, Cluster]
    events: Events
    mixed: Environment
    whole: Environment
    full: Environment

    @property
    def headers(self) -> Headers:
        """Headers as a promotion writes them: as many, and as long."""
        return _headers(self, "a-cluster-of-twenty-two", 0, b"")

    @classmethod
    def build(cls, clusters: dict[str, Cluster], count: int) -> Stage:
        """Make everything but the console's tables and types, which are there: `prepare`."""
        schemas = catalogue()
        stage = cls(
            clusters,
            Events(schemas, count),
            environment("mixed", clusters["dev"], 10),
            environment("whole", clusters["dev"], 11),
            environment("full", clusters["sit"], SIT),
        )
        names = sorted(NAMESPACE + name for name in (*PROMOTABLE, *TRANSACTIONAL))
        ids = {}
        for seed, (name, cluster) in enumerate(clusters.items()):
            # Registered in another order, so that the same type has another id in each registry.
            order = random.Random(seed).sample(names, len(names))
            ids[name] = register(RegistryConnection(cluster.registry_url), order, schemas)
        _fill(stage.mixed, _plain(stage.events.mixed(), ids["dev"]), count)
        _fill(stage.whole, _plain(stage.events.promotable(), ids["dev"]), count)
        _fill(stage.full, _promoted(stage, ids), count)
        return stage


def prepare() -> None:
    """Make the console's tables, load the catalogue, decide about every type of the topics."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("event_types", "load", stdout=StringIO())
    for names, decision in ((PROMOTABLE, Decision.PROMOTABLE), (TRANSACTIONAL, Decision.NOT_PROMOTABLE)):
        curate.decide(cast.user("curator"), [NAMESPACE + name for name in names], decision, "For the benchmark.")


def environment(name: str, cluster: Cluster, order: int) -> Environment:
    """A new environment with an empty topic of its own."""
    made = cast.environment(
        unique(name), order=order, bootstrap_servers=cluster.bootstrap_servers, registry_url=cluster.registry_url,
        topic=unique(f"bench-{name}"),
    )  # fmt: skip
    create_topic(kafka_connection(made), made.topic, PARTITIONS, TOPIC_CONFIG)
    return made


def held(environment: Environment) -> int:
    """How many offsets the environment's topic has given; without transactions as many as records."""
    return sum(marks.high - marks.low for marks in inspect(kafka_connection(environment), environment.topic).watermarks)


def forget(environment: Environment) -> None:
    """Delete the environment's topic: a million records with their headers are half a gigabyte."""
    admin = AdminClient({"bootstrap.servers": environment.bootstrap_servers})
    admin.delete_topics([environment.topic])[environment.topic].result(30)


def _fill(environment: Environment, records: Iterable[PlainRecord], count: int) -> None:
    made = produce_all(kafka_connection(environment), environment.topic, records)
    assert made == held(environment) == count, f"{environment.topic} holds {held(environment)} records of {count}"


def _plain(events: Iterable[Made], ids: dict[str, int]) -> Iterator[PlainRecord]:
    for event in events:
        value = frame(ids[NAMESPACE + event.type], event.body)
        yield PlainRecord(event.host.encode(), value, event.timestamp)


def _promoted(stage: Stage, ids: dict[str, dict[str, int]]) -> Iterator[PlainRecord]:
    """The records of `whole` as a promotion brings them: sit's schema ids, and the headers that say where from."""
    facts = inspect(kafka_connection(stage.whole), stage.whole.topic)
    for number, event in enumerate(stage.events.promotable()):
        there = frame(ids["dev"][NAMESPACE + event.type], event.body)
        headers = _headers(stage, facts.cluster_id, number, there)
        value = frame(ids["sit"][NAMESPACE + event.type], event.body)
        yield PlainRecord(event.host.encode(), value, event.timestamp, headers)


def _headers(stage: Stage, cluster_id: str, offset: int, value: bytes) -> Headers:
    hop = Hop(stage.whole.name, cluster_id, stage.whole.topic, 0, offset, sha256(value).hexdigest())
    return outgoing_headers((), EARLIER, hop)
