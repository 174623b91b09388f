"""What a replay needs before it starts: two environments on real clusters, and an exported promotion.

The records are really produced and read back; only the rows that an export writes are written here.
"""

import json
from dataclasses import dataclass, field
from itertools import count

from confluent_kafka import Consumer, TopicPartition

from portal_admin.embedded.stack import Cluster
from promotion.actions.connect import kafka_connection, registry_connection
from promotion.domain.connection import KafkaConnection, SubjectStrategy, subject
from promotion.domain.decode import read
from promotion.domain.event_id import host_of, user_of
from promotion.domain.json_codec import from_json_value
from promotion.domain.order import HighestSoFar
from promotion.domain.record import Headers, Record, pack_headers
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import frame, unframe
from promotion.kafka.cluster import cluster_id, create_topic, inspect
from promotion.kafka.producer import PlainRecord, produce_all
from promotion.kafka.reader import open_reader
from promotion.kafka.registry import Registry
from promotion.models import Environment, Event, EventType, Export, ExportPartition, Promotion
from promotion.states import Decision, PromotionState
from tests import cast
from tests.services import unique

START = 1_760_000_000_000  # milliseconds; the topics here keep everything
HOSTS = ["01964b05-552a-7c4b-9184-6857e7f3dc5f", "networknt", "lightapi.net", "träger-7"]
EVENT_ID = {
    "early": [("id", "string"), ("nonce", "long")],
    "early derived": [("id", "string"), ("nonce", "long"), ("derived", "boolean", False)],
    "document": [("id", "string"), ("nonce", "long"), ("timestamp", "long", 0), ("derived", "boolean", False)],
    "later": [
        ("id", "string"), ("userId", "string"), ("hostId", "string"), ("nonce", "long"), ("timestamp", "long", 0),
        ("derived", "boolean", False),
    ],
}  # fmt: skip


def fields(*given: tuple) -> list[dict]:
    return [{"name": f[0], "type": f[1], **({"default": f[2]} if len(f) > 2 else {})} for f in given]


def schema(full_name: str, *own: tuple, generation: str = "later", doc: str = "") -> Schema:
    """A self-contained event schema with the fields `own`: (name, type) or (name, type, default)."""
    namespace, _, name = full_name.rpartition(".")
    event_id = {
        "type": "record",
        "name": "EventId",
        "namespace": "com.networknt.kafka.common",
        "fields": fields(*EVENT_ID[generation]),
    }
    every = [{"name": "EventId", "type": event_id}, *fields(*own)]
    text = {"type": "record", "name": name, "namespace": namespace, "doc": doc, "fields": every}
    return parse(json.dumps(text))


def environment(name: str, cluster: Cluster, partitions: int = 3, config: dict[str, str] | None = None, **values):
    """An environment with a topic of its own on `cluster`."""
    topic = values.pop("topic", None) or unique(f"replay-{name}")
    settings = {"retention.ms": "-1"} | (config or {})
    create_topic(KafkaConnection(cluster.bootstrap_servers), topic, partitions, settings)
    order = {"dev": 10, "sit": 20}.get(name, 30)
    return cast.environment(
        name,
        bootstrap_servers=cluster.bootstrap_servers,
        registry_url=cluster.registry_url,
        topic=topic,
        order=order,
        **values,
    )


@dataclass
class Source:
    """Produces events to an environment's topic; the namespace is this test's own, and so are the subjects."""

    environment: Environment
    namespace: str = field(default_factory=lambda: unique("net.lightapi.portal.t").replace("-", ""))
    records: list[PlainRecord] = field(default_factory=list)
    _numbers: count = field(default_factory=count)

    def name(self, short: str) -> str:
        return f"{self.namespace}.{short}"

    def api(self) -> Schema:
        return schema(self.name("ApiCreatedEvent"), ("hostId", "string"), ("apiId", "string"), ("size", "long"))

    def role(self) -> Schema:
        return schema(self.name("RoleUpdatedEvent"), ("hostId", "string"), ("roleId", "string"), generation="document")

    def hostless(self) -> Schema:
        return schema(self.name("PasswordForgotEvent"), ("email", "string"), generation="document")

    def add(
        self, schema: Schema, value: dict | None = None, *, timestamp=None, headers: Headers = (), key=None
    ) -> None:
        """Queue one event; what `value` does not give is filled in."""
        number = next(self._numbers)
        host, user = HOSTS[number % len(HOSTS)], f"user-{number % 7}"
        event_id = {"id": user, "userId": user, "hostId": host, "nonce": number, "timestamp": START, "derived": False}
        names = [f.name for f in schema.root.fields]
        known = {f.name for f in schema.root.fields[0].type.fields}
        tree = {"EventId": {k: v for k, v in event_id.items() if k in known}}
        filled = {"hostId": host, "apiId": f"api-{number}", "roleId": f"role-{number}", "size": 2**60 + number}
        tree |= {k: v for k, v in (filled | {"email": "x@example.org"} | (value or {})).items() if k in names}
        with_id = frame(self.register(schema), from_json_value(schema, tree))
        when = START + number * 10 if timestamp is None else timestamp
        self.records.append(PlainRecord(key or tree.get("hostId", host).encode(), with_id, when, headers))

    def many(self, number: int) -> None:
        """Queue `number` events of two types, of both generations of EventId."""
        for _ in range(number // 2):
            self.add(self.api())
            self.add(self.role(), headers=(("traceparent", b"00-1"), ("empty", None)))

    def register(self, schema: Schema) -> int:
        if schema.sha256 not in self._ids:
            strategy = SubjectStrategy(self.environment.subject_strategy)
            with Registry(registry_connection(self.environment)) as registry:
                name = subject(strategy, self.environment.topic, schema.full_name)
                self._ids[schema.sha256] = registry.register(name, schema.text)
        return self._ids[schema.sha256]

    def __post_init__(self) -> None:
        self._ids: dict[str, int] = {}

    def produce(self) -> None:
        produce_all(kafka_connection(self.environment), self.environment.topic, self.records)
        self.records.clear()


def exported(source: Environment, target: Environment, title: str = "Release 1") -> Promotion:
    """An exported promotion of everything on the source's topic; its types are decided to be promotable."""
    promotion = cast.promotion(title, source=source, target=target)
    records = everything(kafka_connection(source), source.topic)
    export = Export.objects.create(
        promotion=promotion, cluster_id=cluster_id(kafka_connection(source)), topic=source.topic
    )
    for partition in range(source_partitions(source)):
        ExportPartition.objects.create(export=export, partition=partition, start=0, end=0, position=0)
    highest = HighestSoFar()
    with Registry(registry_connection(source)) as registry:
        rows = {n: cast.store_schema(registry.schema_by_id(n)) for n in {unframe(r.value)[0] for r in records}}
    for row in rows.values():
        if not EventType.objects.filter(full_name=row.full_name).exists():
            cast.event_type(row.full_name, Decision.PROMOTABLE, schema=row)
    types = {t.full_name: t for t in EventType.objects.all()}
    Event.objects.bulk_create(_event(promotion, record, rows, types, highest) for record in records)
    Promotion.objects.filter(pk=promotion.pk).update(state=PromotionState.EXPORTED)
    promotion.refresh_from_db()
    return promotion


def source_partitions(source: Environment) -> int:
    return inspect(kafka_connection(source), source.topic).partitions


def _event(promotion, record: Record, rows, types, highest: HighestSoFar) -> Event:
    schema_id, body = unframe(record.value)
    row = rows[schema_id]
    tree = read(parse(row.text), body)
    return Event(
        promotion=promotion,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        merge_timestamp=highest.key(record.partition, record.offset, record.timestamp)[0],
        key=record.key,
        value=record.value,
        headers=pack_headers(record.headers),
        event_type=types[row.full_name],
        schema=row,
        host=host_of(tree) or "",
        user=user_of(tree) or "",
    )


def everything(connection: KafkaConnection, topic: str) -> list[Record]:
    """All committed records of `topic`, by partition and offset."""
    with open_reader(connection, topic) as reader:
        pins = reader.pin()
        starts, ends = {p.partition: p.low for p in pins}, {p.partition: p.end for p in pins}
        found = [record for batch in reader.read(starts, ends) for record in batch.records]
    return sorted(found, key=lambda record: (record.partition, record.offset))


def consumed(cluster: Cluster, topic: str, *, committed: bool = True) -> list[Record]:
    """What an ordinary consumer, none of ours, finds on `topic`: by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "group.id": unique("independent"),
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,  # brokers hold back the empty answer, which tells a partition's end, for so long
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
        }
    )
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    found, ended = [], 0
    while ended < len(partitions):
        message = consumer.poll(10)
        assert message is not None, "the topic's end was never reached: is a transaction open?"
        if message.error():
            assert message.error().name() == "_PARTITION_EOF", message.error()
            ended += 1
            continue
        headers = tuple(message.headers() or ())
        where = message.topic(), message.partition(), message.offset(), message.timestamp()[1]
        found.append(Record(*where, message.key(), message.value(), headers))
    consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))
