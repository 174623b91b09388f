"""The marker: how far a replay got, committed by Kafka together with the records it speaks of.

It is the committed offset of a consumer group that nobody ever joins: the offset is the next ordinal, its metadata
a small JSON object. See docs/decisions/0004-exactly-once-marker.md.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from promotion.errors import Incomplete, InvalidInput
from promotion.kafka.failures import error_of

#: The group's coordinator is being made (the first group of a cluster), elected or loaded: it passes by itself.
PASSING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError._WAIT_COORD,
    }
)
RETRY_SECONDS = 0.2
MAX_METADATA_BYTES = 4_000  # the broker's own limit is 4,096 (offset.metadata.max.bytes)


@dataclass(frozen=True, slots=True)
class Marker:
    """`next_ordinal` is the first ordinal that is not yet committed; `metadata` is what was stored with it."""

    next_ordinal: int
    metadata: dict[str, Any]


def dump_metadata(metadata: Mapping[str, Any]) -> str:
    """Return `metadata` as ASCII JSON; raises InvalidInput above `MAX_METADATA_BYTES` or where JSON cannot say it."""
    try:
        text = json.dumps(metadata, separators=(",", ":"), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput("The marker's metadata is not plain JSON.", "Store numbers, texts and lists.") from error
    if len(text) > MAX_METADATA_BYTES:
        raise InvalidInput(
            f"The marker's metadata has {len(text)} bytes, {MAX_METADATA_BYTES} are allowed.", "Store less with it."
        )
    return text


def committed_when_loaded(consumer: Consumer, where: list[TopicPartition], timeout: float) -> list[TopicPartition]:
    """Return the group's committed offsets `where`, waiting up to `timeout` seconds for its coordinator to be ready.

    The client does not wait: right after a cluster's start its first answer is 'not coordinator'. Raises
    KafkaException, also for an error of a single partition.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = consumer.committed(where, timeout)
            for each in found:
                if each.error is not None:
                    raise KafkaException(each.error)
        except KafkaException as failure:
            if error_of(failure).code() not in PASSING or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return found


def load_marker(next_ordinal: int, text: str | None, name: str) -> Marker:
    """Return the marker of the group `name`; raises Incomplete where what is there was not written by us."""
    try:
        metadata = json.loads(text or "")
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise Incomplete(
            f"The committed offset of group {name} is not a marker of ours.",
            "Find out who wrote to this consumer group before the replay goes on.",
        )
    return Marker(next_ordinal, metadata)
