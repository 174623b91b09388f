"""Clients that share nothing with the console: the Kafka client, fastavro, and the registry over plain HTTP."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

MAGIC = b"\0"
SILENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Seen:
    """A record as a consumer gets it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    @property
    def position(self) -> tuple[int, int]:
        return self.partition, self.offset

    @property
    def schema_id(self) -> int | None:
        """The id in front of an Avro body; None where the value does not begin like one."""
        framed = self.value is not None and self.value[:1] == MAGIC and len(self.value) >= 5
        return int.from_bytes(self.value[1:5]) if framed else None

    @property
    def body(self) -> bytes:
        """The Avro body."""
        return self.value[5:]


@dataclass
class Registry:
    """Schemas by id, each fetched once."""

    url: str
    _schemas: dict[int, Any] = field(default_factory=dict)

    def decode(self, record: Seen) -> tuple[str, dict[str, Any]] | None:
        """The full name and the value of a record; None where there is no such schema."""
        schema = self._schema(record.schema_id)
        if schema is None:
            return None
        body = io.BytesIO(record.body)
        value = fastavro.schemaless_reader(body, schema)
        assert body.read() == b""
        return schema["name"], value

    def encode(self, schema_id: int | None, value: dict[str, Any]) -> bytes:
        """A value as any producer frames it: by the schema with this id."""
        assert schema_id is not None
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self._schema(schema_id), value)
        return MAGIC + schema_id.to_bytes(4) + body.getvalue()

    def _schema(self, schema_id: int | None) -> Any:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = None if schema_id is None else self._fetch(schema_id)
        return self._schemas[schema_id]

    def _fetch(self, schema_id: int) -> Any:
        try:
            with urllib.request.urlopen(f"{self.url}/schemas/ids/{schema_id}", timeout=10) as answer:
                return fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None


def read_all(bootstrap_servers: str, topic: str) -> tuple[list[Seen], int]:
    """Return every committed record of a topic from its beginning, and the number of its partitions."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap_servers,
        "group.id": "an-independent-reader",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    })  # fmt: skip
    try:
        partitions = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        seen, open_partitions = [], set(partitions)
        while open_partitions:
            message = consumer.poll(SILENCE_SECONDS)
            assert message is not None, f"nothing came for {SILENCE_SECONDS} s"
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                open_partitions.discard(message.partition())
            else:
                seen.append(_seen(message))
        return seen, len(partitions)
    finally:
        consumer.close()


def _seen(message: Message) -> Seen:
    return Seen(
        message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
        dict(message.headers() or []),
    )  # fmt: skip


def merge_order(records: list[Seen]) -> list[Seen]:
    """The order of a replay: by the highest timestamp so far in the record's partition, then partition and offset."""
    highest: dict[int, int] = {}
    keyed = []
    for record in sorted(records, key=lambda each: each.position):
        highest[record.partition] = max(highest.get(record.partition, -1), record.timestamp)
        keyed.append((highest[record.partition], *record.position, record))
    return [each[-1] for each in sorted(keyed, key=lambda each: each[:3])]


def derived(value: dict[str, Any]) -> bool:
    return bool(value["EventId"]["derived"])
