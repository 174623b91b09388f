"""Put the story on dev's topic, and schemas into both registries under ids that differ."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from django.conf import settings

from promotion.domain.connection import KafkaConnection, RegistryConnection
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import frame
from promotion.kafka.cluster import create_topic, inspect
from promotion.kafka.producer import PlainRecord, produce_all
from promotion.kafka.registry import Registry
from promotion.management.demo.portal import NAMESPACE, Happening, Portal

TOPIC = "portal-event"
PARTITIONS = 4
#: Records keep their old timestamps, and a broker deletes what is older than its retention although it acknowledged it.
TOPIC_CONFIG = {"retention.ms": "-1", "cleanup.policy": "delete"}
UNKNOWN_SCHEMA_ID = 999_999
#: Not in sit's registry yet: the first replay registers them.
UNKNOWN_TO_SIT = {f"{NAMESPACE}rule.RuleCreatedEvent", f"{NAMESPACE}client.ClientCreatedEvent"}


def catalogue() -> dict[str, Schema]:
    """Return every schema of schemas/ by its full name."""
    return {schema.full_name: schema for schema in map(_parsed, sorted(settings.SCHEMAS_DIR.glob("*.avsc")))}


def _parsed(file: object) -> Schema:
    return parse(file.read_text())  # type: ignore[attr-defined]


def make_topic(connection: KafkaConnection, topic: str) -> None:
    """Create the topic unless it is there."""
    create_topic(connection, topic, PARTITIONS, TOPIC_CONFIG)


def is_empty(connection: KafkaConnection, topic: str) -> bool:
    """Return whether nothing was ever produced to the topic."""
    return all(marks.high == 0 for marks in inspect(connection, topic).watermarks)


def register(registry: RegistryConnection, names: list[str], schemas: dict[str, Schema]) -> dict[str, int]:
    """Register `names` in their order; return the id of each."""
    with Registry(registry) as client:
        return {name: client.register(name, schemas[name].text) for name in names}


def seed(dev: tuple[KafkaConnection, RegistryConnection], sit: RegistryConnection, topic: str, end: int) -> int:
    """Produce the story that ends at `end` (ms) to dev's `topic`; return the number of records."""
    schemas = catalogue()
    later = frozenset(name for name, schema in schemas.items() if _is_later(schema))
    story = list(Portal(end, later).happenings())
    names = sorted({happening.full_name for happening in story})
    shuffled = random.Random(4).sample(names, len(names))  # noqa: S311  only to make the ids differ
    register(sit, [name for name in shuffled if name not in UNKNOWN_TO_SIT], schemas)
    ids = register(dev[1], names, schemas)
    return produce_all(dev[0], topic, _records(story, schemas, ids))


def _is_later(schema: Schema) -> bool:
    event_id = next(item for item in json.loads(schema.text)["fields"] if item["name"] == "EventId")
    return any(item["name"] == "userId" for item in event_id["type"]["fields"])


def _records(story: list[Happening], schemas: dict[str, Schema], ids: dict[str, int]) -> Iterator[PlainRecord]:
    oddities = dict(zip((len(story) // 3, len(story) // 2, len(story) * 2 // 3), _oddities(story), strict=True))
    for number, happening in enumerate(story):
        body = from_json_value(schemas[happening.full_name], happening.value)
        key = happening.host.encode()
        yield PlainRecord(key, frame(ids[happening.full_name], body), happening.timestamp)
        if number in oddities:
            yield PlainRecord(key, oddities[number], happening.timestamp)


def _oddities(story: list[Happening]) -> list[bytes | None]:
    """What a real topic holds too: a tombstone, a value that no schema fits, a record of the newer outbox."""
    outbox = json.dumps({"type": "HostCreatedEvent", "data": {"hostId": story[0].host}}).encode()
    return [None, frame(UNKNOWN_SCHEMA_ID, b"\x02\x04\x06"), outbox]
