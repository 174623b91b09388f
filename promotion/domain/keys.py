"""The record key an event gets in its target, and the partition Java gives that key."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from promotion.domain.event_id import FIELD, host_of, user_of
from promotion.domain.schema import Schema
from promotion.errors import InvalidInput

_M = 0x5BD1E995
_SEED = 0x9747B28C
_MASK = 0xFFFFFFFF


class Tenancy(StrEnum):
    """What keys an environment's records: the host (multi-tenant) or the user (single-tenant)."""

    MULTI = "multi"
    SINGLE = "single"


class NoKey(InvalidInput):
    """An event from which the target's key cannot be told. Its message is one of KEYLESS."""


_NO_HOST = "The event has no host, which is the key in a multi-tenant target."
_NO_HOST_NO_KEY = "The event has no host, and the source record has no key to keep."
_NO_USER = "The event has no user, which is the key in a single-tenant target."
#: What is said of an event without a key: a plan finds these events by it.
KEYLESS = (_NO_HOST, _NO_HOST_NO_KEY, _NO_USER)
_HOST_HELPS = "Give it a host (hostId, or EventId.hostId) by an edit or a rule, or exclude it."


def outgoing_key(tree: Mapping[str, Any], source_key: bytes | None, source: Tenancy | None, target: Tenancy) -> bytes:
    """Return the key of a decoded event in a target of tenancy `target`, as UTF-8 without a schema.

    `source_key` and `source` are the key the event had and the tenancy of where it had it; None where it had none. An
    event without a host keeps its source key where both environments are multi-tenant, and is refused otherwise.
    """
    if target is Tenancy.SINGLE:
        return _user_key(tree)
    host = host_of(tree)
    if host is not None:
        return host.encode()
    if source is not Tenancy.MULTI:
        raise NoKey(_NO_HOST, _HOST_HELPS)
    if source_key is None:
        raise NoKey(_NO_HOST_NO_KEY, _HOST_HELPS)
    return source_key


def what_gives_a_key(schema: Schema, target: Tenancy) -> str:
    """Return what would give events of `schema` their key in a target of tenancy `target`, in words."""
    fields = {item.name: item.type for item in schema.root.fields}
    part = fields.get(FIELD)
    inside = {item.name for item in part.fields} if part is not None and part.kind == "record" else set()
    if target is Tenancy.SINGLE:
        name = "userId" if "userId" in inside else "id"
        return f"A rule that sets {FIELD}.{name}." if name in inside else f"Its type has no {FIELD}: exclude them."
    if "hostId" in fields:
        return "A rule that sets hostId."
    if "hostId" in inside:
        return f"A rule that sets {FIELD}.hostId."
    return (
        "Its type has no field for a host. Where the target's schema has one (EventId's later generation has), a rule "
        "brings EventId to the target's generation and another one sets EventId.hostId."
    )


def murmur2(key: bytes) -> int:
    """Return Kafka's murmur2 of `key` as Java's signed 32-bit int (org.apache.kafka.common.utils.Utils.murmur2)."""
    h = _SEED ^ len(key)
    whole = len(key) & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(key[start : start + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if whole != len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h & 0x80000000 else h


def java_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Java's default partitioner chooses for `key` among `partitions`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _user_key(tree: Mapping[str, Any]) -> bytes:
    user = user_of(tree)
    if user is None:
        raise NoKey(
            _NO_USER,
            "Give it a user (EventId.userId, or EventId.id where there is no userId) by an edit or a rule, or exclude "
            "it.",
        )
    return user.encode()
