"""Events as CloudEvents 1.0 that Light Portal's newer importers take."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from promotion.domain.files import cloud_events as names
from promotion.domain.files.duplicates import event_digest
from promotion.domain.files.instants import rfc3339
from promotion.domain.files.items import FileEvent
from promotion.domain.files.text import compact, needed_type
from promotion.domain.names import split_name

#: What the newer tools write, for every event of Light Portal.
SOURCE = "https://github.com/lightapi/light-portal"
_TAKEN_OVER = ("source", "subject", "aggregateversion")
_INTEGER = 2**31
#: Characters that a CloudEvents String must not hold: controls, halves of surrogate pairs, noncharacters.
_BARRED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane + end) for plane in range(0x10000, 0x110000, 0x10000) for end in (0xFFFE, 0xFFFF))
    + "]"
)


def entry(event: FileEvent, about: Mapping[str, Any]) -> str:
    """Return one event as a JSON object. `about` is the manifest's. Raises CannotWrite where it has no type.

    `id` is the event's own where it has one, else made from where it stood: the same in every download.
    """
    type_name = needed_type(event)
    found: dict[str, Any] = {"specversion": "1.0", "id": _id(event, about), "source": SOURCE}
    found |= {name: value for name in _TAKEN_OVER if (value := _attribute(event.attributes.get(name))) is not None}
    short = type_name.rpartition(".")[2]
    found |= {"type": short, names.CLASS: type_name, "datacontenttype": "application/json"}
    found |= dict(_time(event)) | dict(_portal(event, short)) | dict(_key(event)) | dict(_position(event, about))
    if event.value is not None or event.excluded is not True:
        found["data"] = event.value
    return compact(found)


def _id(event: FileEvent, about: Mapping[str, Any]) -> str:
    own = names.own_id(event.value) or event.attributes.get("id")
    if isinstance(own, str) and own and _attribute(own) == own:
        return own
    if event.partition is None:
        return str(uuid5(NAMESPACE_URL, event_digest(event).hex()))
    place = [about.get("source"), about.get("topic"), event.partition, event.offset]
    return str(uuid5(NAMESPACE_URL, compact(place)))


def _time(event: FileEvent) -> Iterator[tuple[str, Any]]:
    if event.timestamp is not None:
        text = rfc3339(event.timestamp)
        yield ("time", text) if text else (names.TIMESTAMP, str(event.timestamp))


def _portal(event: FileEvent, short: str) -> Iterator[tuple[str, Any]]:
    """Yield the newer tools' own attributes: who, where, which transaction, and of what kind of thing."""
    known = names.identity(event.value)
    for name in ("user", "host", "nonce"):
        said = known.get(name, event.attributes.get(name))
        if (value := _attribute(said)) is not None:
            yield name, value
    yield "aggregatetype", split_name(short).aggregate


def _key(event: FileEvent) -> Iterator[tuple[str, Any]]:
    if event.key is None:
        return
    try:
        text = _attribute(event.key.decode())
    except UnicodeDecodeError:
        text = None
    yield (names.KEY, text) if text else (names.KEY_BYTES, b64encode(event.key).decode())


def _position(event: FileEvent, about: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    numbers = {
        names.PROMOTION: about.get("promotion"),
        names.PARTITION: event.partition,
        names.OFFSET: event.offset,
        names.REVISION: event.version,
    }
    yield from ((name, str(value)) for name, value in numbers.items() if value is not None)
    if event.excluded is not None:
        yield names.EXCLUDED, event.excluded


def _attribute(value: Any) -> str | int | None:
    """Return what an attribute can hold of `value`: an int of 32 bits, a text; None where it can hold nothing."""
    if type(value) is int:
        return value if -_INTEGER <= value < _INTEGER else str(value)
    return value if isinstance(value, str) and value and not _BARRED.search(value) else None
