"""A source to export from: a topic of its own, schemas in the registry, records of every kind an export meets."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import fastavro
from confluent_kafka import Producer

from portal_admin.embedded.stack import Cluster
from promotion.actions.schemas import store_schema
from promotion.domain.connection import KafkaConnection, RegistryConnection
from promotion.domain.filters import ExportFilter
from promotion.domain.wire import frame
from promotion.kafka.cluster import create_topic
from promotion.kafka.registry import Registry
from promotion.models import Environment, Event, EventType, ExportCount, Promotion
from promotion.states import Decision
from tests import cast
from tests.services import unique

EVENT_ID = {
    "type": "record",
    "name": "EventId",
    "namespace": "com.networknt.kafka.common",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "nonce", "type": "long"},
        {"name": "timestamp", "type": "long", "default": 0},
        {"name": "derived", "type": "boolean", "default": False},
    ],
}
FIRST = 1_700_000_000_000
#: What `Source.mixture` goes round through.
KINDS = (
    "kept", "nul", "derived", "other host", "log", "open", "stranger", "tombstone", "empty", "json", "unknown id",
    "cut",
)  # fmt: skip


def schema_text(name: str, *fields: dict[str, Any]) -> str:
    """An event's schema: EventId, hostId, apiId and `fields`."""
    own = [{"name": "EventId", "type": EVENT_ID}, *({"name": n, "type": "string"} for n in ("hostId", "apiId"))]
    return json.dumps(
        {"type": "record", "name": name, "namespace": "net.lightapi.portal.test", "fields": [*own, *fields]}
    )


@dataclass
class Source:
    """A topic `topic` of the cluster; `ids` are the schema ids in its registry, by short type name."""

    cluster: Cluster
    partitions: int = 2
    config: dict[str, str] = field(default_factory=dict)
    topic: str = field(default_factory=lambda: unique("export-test"))
    ids: dict[str, int] = field(default_factory=dict)
    schemas: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = {"retention.ms": "-1", **self.config}
        create_topic(KafkaConnection(self.cluster.bootstrap_servers), self.topic, self.partitions, settings)

    def register(self, name: str, text: str = "") -> str:
        """Register the schema of the type `name` and return its text; nothing is written to the database."""
        text = text or schema_text(name)
        with Registry(RegistryConnection(self.cluster.registry_url)) as registry:
            self.ids[name] = registry.register(unique(name), text)
        self.schemas[name] = fastavro.parse_schema(json.loads(text), expand=False)
        return text

    def type(self, name: str, decision: Decision = Decision.PROMOTABLE, text: str = "") -> EventType:
        """Put the type into the table, decided, and into the registry if it is not there."""
        text = text or schema_text(name)
        if name not in self.ids:
            self.register(name, text)
        full_name = f"net.lightapi.portal.test.{name}"
        found = EventType.objects.filter(full_name=full_name).first()
        return found or cast.event_type(full_name, decision, schema=store_schema(text))

    def value(self, name: str, n: int = 0, derived: bool = False, host: str = "host-1", **fields: Any) -> bytes:
        """A framed value of the type `name`; `n` makes it differ."""
        event_id = {"id": f"user-{n % 7}", "nonce": n, "timestamp": FIRST + n, "derived": derived}
        body = io.BytesIO()
        datum = {"EventId": event_id, "hostId": host, "apiId": f"api-{n}", **fields}
        fastavro.schemaless_writer(body, self.schemas[name], datum)
        return frame(self.ids[name], body.getvalue())

    def produce(self, records: Iterable[dict[str, Any]]) -> None:
        """Produce `records`, keyword arguments of the client's `produce`; committed when this returns."""
        producer = Producer(
            {
                "bootstrap.servers": self.cluster.bootstrap_servers,
                "linger.ms": 20,
                "queue.buffering.max.messages": 500_000,
            }
        )
        for record in records:
            while True:
                try:
                    producer.produce(self.topic, **record)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(60) == 0

    @property
    def connection(self) -> KafkaConnection:
        """How to reach the cluster."""
        return KafkaConnection(self.cluster.bootstrap_servers)

    def decide(self) -> None:
        """Put the types of `mixture` into the table."""
        self.type("KeptEvent")
        self.type("LogEvent", Decision.NOT_PROMOTABLE)
        self.type("OpenEvent", Decision.UNDECIDED)

    def mixture(self, count: int, kinds: Sequence[str] | None = None) -> None:
        """Produce `count` records over all partitions, going round through everything an export tells apart."""
        for name in ("KeptEvent", "LogEvent", "OpenEvent", "StrangerEvent"):
            self.register(name)
        values = {
            "kept": lambda n: self.value("KeptEvent", n),
            "nul": lambda n: self.value("KeptEvent", n, host="a\0b"),
            "derived": lambda n: self.value("KeptEvent", n, derived=True),
            "other host": lambda n: self.value("KeptEvent", n, host="host-2"),
            "log": lambda n: self.value("LogEvent", n),
            "open": lambda n: self.value("OpenEvent", n),
            "stranger": lambda n: self.value("StrangerEvent", n),
            "tombstone": lambda n: None,
            "empty": lambda n: b"",
            "json": lambda n: b'{"outbox": %d}' % n,
            "unknown id": lambda n: frame(987_654_321, b"x"),
            "cut": lambda n: self.value("KeptEvent", n)[:-3],
        }
        names = list(kinds or KINDS)
        self.produce(
            {
                "value": values[names[n % len(names)]](n),
                "key": b"host-1" if n % 3 else None,
                "partition": n % self.partitions,
                "timestamp": _timestamp(n),
                "headers": [("trace", b"\xff\x00"), ("trace", None)] if n % 5 == 0 else None,
            }
            for n in range(count)
        )

    def environment(self, name: str = "dev", **fields: Any) -> Environment:
        """The environment of this topic."""
        return cast.environment(
            name,
            bootstrap_servers=self.cluster.bootstrap_servers,
            registry_url=self.cluster.registry_url,
            topic=self.topic,
            **fields,
        )

    def promotion(self, filters: ExportFilter | None = None, **fields: Any) -> Promotion:
        """A draft of a promotion from this topic to a target that nothing listens at."""
        source = self.environment(f"from-{self.topic[-10:]}")
        return cast.promotion(source=source, filters=(filters or ExportFilter()).to_json(), **fields)


def _timestamp(n: int) -> int:
    """Time runs back now and then, as it does in real topics, and a clock was once far ahead."""
    ahead = 10**10 if 300 <= n < 310 else 0
    return FIRST + n * 1000 + ahead - (5_000_000 if n % 11 == 0 else 0)


def rows_of(promotion: Promotion) -> list[tuple]:
    """Everything that an export writes of a promotion but for the ids of rows, to be compared with another's."""
    events = Event.objects.filter(promotion=promotion).order_by("partition", "offset")
    counts = ExportCount.objects.filter(partition__export=promotion.export)
    return [
        *(
            (e.partition, e.offset, e.timestamp, e.merge_timestamp, e.key and bytes(e.key), bytes(e.value), e.headers,
             e.event_type_id, e.schema_id, e.host, e.user, str(e.document), e.quarantine_reason, e.excluded, e.version)
            for e in events
        ),
        *sorted(counts.values_list("partition__partition", "disposition", "type_name", "count")),
        *promotion.export.partitions.values_list("partition", "start", "end", "position", "read", "highest_timestamp"),
    ]  # fmt: skip
