"""Events by the million: some bodies of thirty types, each with marks where every event has a value of its own.

A mark is as long as what takes its place, so that a body stays the Avro that it is and nothing is encoded twice.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from promotion.domain.decode import read
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import parse
from promotion.domain.search_document import search_json
from promotion.domain.wire import frame
from promotion.models import EventType

TYPES = 30
BODIES_A_TYPE = 40
START = 1_760_000_000_000
PARTITIONS = 6
HOSTS, USERS, THINGS = 40, 300, 40_000
OWN, OTHER = "eeeeeeee-0000-4000-8000-eeeeeeeeeee1", "eeeeeeee-0000-4000-8000-eeeeeeeeeee2"
HOST, USER = "eeeeeeee-0000-4000-8000-eeeeeeeeeee3", "person-00000@x.example"
#: Everything of this host and user happened at the end: what a page from the front has to pass over.
LATE_HOST = "late0000-0000-4000-8000-000000000000"
LATE_USER = "person-late0@x.example"
#: Names of fields that hold ids of their own, so that things are many.
_WORDS = [
    "gateway",
    "account",
    "payment",
    "customer",
    "quote",
    "document",
    "portal",
    "router",
    "handler",
    "limit",
    "cache",
    "token",
    "audit",
    "role",
]


@dataclass(frozen=True, slots=True)
class Body:
    """One event with marks: the type's id, its schema's id, its value as read from a topic, its document as text."""

    type_id: int
    schema_id: int
    value: bytes
    document: str


def types() -> list[EventType]:
    """Thirty types that have things, the same ones each time: those with the most fields, so that events are large."""
    rows = [each for each in EventType.objects.select_related("schema").order_by("full_name") if each.identity_fields]
    rows.sort(key=lambda each: -len(each.schema.text))
    return sorted(rows[:TYPES], key=lambda each: each.full_name)


def bodies(chosen: list[EventType]) -> list[list[Body]]:
    """Some bodies of each type."""
    dice = random.Random(6)
    return [[_body(each, dice) for _ in range(BODIES_A_TYPE)] for each in chosen]


def _body(kind: EventType, dice: random.Random) -> Body:
    schema = parse(kind.schema.text)
    avro = from_json_value(schema, _record(json.loads(kind.schema.text), dice, own=True))
    return Body(kind.pk, kind.schema_id, frame(7, avro), search_json(schema, read(schema, avro)))


def _record(schema: dict[str, Any], dice: random.Random, *, own: bool = False) -> dict[str, Any]:
    marked = iter([OWN, OTHER] if own else [])
    return {each["name"]: _value(each["name"], each["type"], dice, marked) for each in schema["fields"]}


def _value(name: str, kind: Any, dice: random.Random, marked: Iterator[str]) -> Any:
    if name == "hostId":
        return HOST
    if name in {"userId", "user", "id"}:
        return USER
    if isinstance(kind, list):
        kind = next(each for each in kind if each != "null")
    if isinstance(kind, dict):
        return _of(kind, dice)
    return _simple(name, kind, dice, marked)


def _of(kind: dict[str, Any], dice: random.Random) -> Any:
    match kind["type"]:
        case "record":
            return _record(kind, dice)
        case "array":
            return [_value("item", kind["items"], dice, iter(())) for _ in range(2)]
        case "map":
            return {"one": _value("item", kind["values"], dice, iter(()))}
        case "enum":
            return dice.choice(kind["symbols"])
        case other:
            return _simple("item", other, dice, iter(()))


def _simple(name: str, kind: str, dice: random.Random, marked: Iterator[str]) -> Any:
    match kind:
        case "string":
            return next(marked, None) or " ".join(dice.choices(_WORDS, k=dice.randint(2, 14)))
        case "int" | "long":
            return dice.randint(1, 5_000)
        case "boolean":
            return dice.random() < 0.5
        case "float" | "double":
            return round(dice.random() * 90, 4)
        case _:
            return None


def uuid_of(number: int, what: str) -> str:
    """An id that looks like a random one and is the same each time."""
    digits = hashlib.md5(f"{what}{number}".encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def rows(promotion_id: int, number: int, made: list[list[Body]]) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of export_write.EVENTS, `number` times, in the order of the topic. Asks no database."""
    dice = random.Random(7)
    weights = [1 / (1 + rank) ** 1.3 for rank in range(len(made))]
    kinds = dice.choices(range(len(made)), weights, k=number)
    hosts = [uuid_of(each, "host") for each in range(HOSTS)]
    for n in range(number):
        body = made[kinds[n]][dice.randrange(BODIES_A_TYPE)]
        late = n > number * 0.85 and n % 3 == 0
        host = LATE_HOST if late else hosts[int(dice.random() ** 2 * HOSTS)]
        user = LATE_USER if late else f"person-{int(dice.random() ** 2 * USERS):05}@x.example"
        own, other = uuid_of(dice.randrange(THINGS), "own"), uuid_of(n, "other")
        text = body.document.replace(OWN, own).replace(OTHER, other).replace(HOST, host).replace(USER, user)
        value = body.value.replace(OWN.encode(), own.encode()).replace(OTHER.encode(), other.encode())
        value = value.replace(HOST.encode(), host.encode()).replace(USER.encode(), user.encode())
        place = (promotion_id, n % PARTITIONS, n // PARTITIONS, START + n * 50, START + n * 50)
        yield (*place, host.encode(), value, "", body.type_id, body.schema_id, host, user, text, "", False, 0)
