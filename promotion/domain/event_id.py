"""EventId, the part that every event of Light Portal begins with, in its three generations.

Source of the rules: Light Portal's `com.networknt.kafka.common.EventId` as it stands in the topics of several years.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FIELD = "EventId"
_NOTHING: Mapping[str, Any] = {}


class Generation(StrEnum):
    """Which fields EventId has: id and nonce; with timestamp and derived; with userId and hostId too."""

    EARLY = "early"
    DOCUMENT = "document"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class EventId:
    """Who did it, where and when. `user` and `host` follow the rules of `user_of` and `host_of`.

    `nonce` is the user's running transaction number in one environment, `timestamp` milliseconds since the epoch (0
    where it was not set), `derived` whether a stream processor made the event from another one. What the event does
    not have is None; `derived` is then False.
    """

    id: str | None
    user: str | None
    host: str | None
    nonce: int | None
    timestamp: int | None
    derived: bool
    generation: Generation | None


def event_id(tree: Mapping[str, Any]) -> EventId:
    """Return the EventId of a decoded event; an event without one has None everywhere."""
    part = _part(tree)
    return EventId(
        id=_text(part.get("id")),
        user=user_of(tree),
        host=host_of(tree),
        nonce=_number(part.get("nonce")),
        timestamp=_number(part.get("timestamp")),
        derived=part.get("derived") is True,
        generation=generation_of(part),
    )


def acting(tree: Mapping[str, Any]) -> tuple[bool, str, str]:
    """Return `event_id`'s derived, host and user, "" for None: what an export needs, in a ninth of the time."""
    part = _part(tree)
    host = tree.get("hostId")
    if not (host and isinstance(host, str)):
        host = part.get("hostId")
    user = part["userId"] if "userId" in part else part.get("id")
    return (
        part.get("derived") is True,
        host if isinstance(host, str) else "",
        user if isinstance(user, str) else "",
    )


def user_of(tree: Mapping[str, Any]) -> str | None:
    """Return the acting user: EventId.userId where that field exists, else EventId.id. An empty one is None.

    In the later generation `id` is the event's own identity, so it never stands in for an empty userId.
    """
    part = _part(tree)
    return _text(part["userId"] if "userId" in part else part.get("id"))


def host_of(tree: Mapping[str, Any]) -> str | None:
    """Return the host: the event's own hostId, else EventId.hostId. An empty one counts as missing."""
    return _text(tree.get("hostId")) or _text(_part(tree).get("hostId"))


def generation_of(names: Collection[str]) -> Generation | None:
    """Return the generation of an EventId that has the fields `names`; None where it has none."""
    if not names:
        return None
    if "userId" in names:
        return Generation.LATER
    return Generation.DOCUMENT if "timestamp" in names or "derived" in names else Generation.EARLY


def _part(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    part = tree.get(FIELD)
    return part if isinstance(part, dict) else _NOTHING


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> int | None:
    return value if type(value) is int else None
