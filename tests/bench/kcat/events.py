"""What the topics hold: events of the catalogue's types, the same at every run.

A body is encoded once for each type, host and text, and each event gets its own numbers and its own thing in the bytes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from promotion.domain.encode import zigzag
from promotion.domain.event_id_body import spans
from promotion.domain.json_codec import from_json_value
from promotion.domain.schema import Schema

NAMESPACE = "net.lightapi.portal."
#: The one of the founding document, and those that nothing in the second topic changes later.
API_RULE = "market.ApiRuleCreatedEvent"
CREATED_ONCE = (
    "role.RolePermissionCreatedEvent", "role.RoleColFilterCreatedEvent", "config.ConfigInstanceCreatedEvent",
    "service.ServiceVersionCreatedEvent", "client.ClientCreatedEvent", "group.GroupPermissionCreatedEvent",
    "position.PositionCreatedEvent", "attribute.AttributeCreatedEvent", "market.ErrorCreatedEvent",
)  # fmt: skip
#: Aggregates that are created and then changed.
CHANGED = (
    "role.Role", "rule.Rule", "market.Config", "config.ConfigEnvironment", "service.Service", "client.App",
    "instance.Instance", "group.Group", "market.Category", "user.Reference",
)  # fmt: skip
TRANSACTIONAL = (
    "oauth.AuthCodeCreatedEvent", "oauth.AuthCodeDeletedEvent", "oauth.AuthRefreshTokenCreatedEvent",
    "oauth.AuthRefreshTokenDeletedEvent", "deployment.DeploymentCreatedEvent", "deployment.DeploymentUpdatedEvent",
    "deployment.DeploymentJobIdUpdatedEvent", "user.OrderCreatedEvent", "user.OrderDeliveredEvent",
    "user.OrderCancelledEvent", "user.PaymentUpdatedEvent", "user.PrivateMessageSentEvent",
    "covid.PeerStatusUpdatedEvent", "controller.ControllerRegisteredEvent", "controller.ControllerDeregisteredEvent",
    "user.UserConfirmedEvent", "user.UserVerifiedEvent", "user.PasswordResetEvent", "map.MapMovedEvent",
    "covid.CovidStatusUpdatedEvent",
)  # fmt: skip
#: Nothing but key fields: an event of these says the same of a thing whatever its text is.
KEYS_ONLY = frozenset({"role.RolePermissionCreatedEvent", "group.GroupPermissionCreatedEvent"})

#: Milliseconds. The events of a topic lie sixty days apart, first to last.
START, SPAN = 1_760_000_000_000, 60 * 86_400_000
HOSTS = [f"01964b05-552a-7c4b-9184-6857e7f3{n:04x}" for n in range(64)]
USERS = [f"person-{n:02}@lightapi.example" for n in range(len(HOSTS))]
#: One event in so many of the first topic is of a promotable type.
PROMOTABLE_EVERY = 20
_API_RULES = 16
#: In order: the types of a block of the second topic; all events of a block are of one host.
BLOCK = (API_RULE,) * _API_RULES + (
    *CREATED_ONCE, *(f"{name}CreatedEvent" for name in CHANGED), *(f"{name}UpdatedEvent" for name in CHANGED),
)  # fmt: skip
#: Of the promotable events of the first topic eleven of twenty are ApiRules.
_MIXED = 20
_MIXED_RULES = _MIXED - len(CREATED_ONCE)
_ELSEWHERE = 50_000_000
#: Stands in an encoded body where the number of the thing comes.
_THING = b"########"
_CONSTANT = {
    "apiVersion": "1.0.0", "endpoint": "/v1/accounts@get", "environment": "sit", "propertyName": "timeout",
    "table": "environment", "language": "en", "productVersion": "1.6.3", "userId": "", "email": "ada@lightapi.example",
}  # fmt: skip
PROMOTABLE = tuple(dict.fromkeys(BLOCK))


@dataclass(frozen=True, slots=True)
class Made:
    """One event: its host is its key. `body` has no schema id; `timestamp` is in milliseconds."""

    type: str
    host: str
    timestamp: int
    body: bytes


class Events:
    """The events of both topics, `count` in each; `schemas` are the catalogue's by full name."""

    def __init__(self, schemas: Mapping[str, Schema], count: int) -> None:
        self.count = count
        self._schemas = schemas
        self._bodies: dict[tuple[str, int, int], tuple[bytes, bytes]] = {}

    @property
    def kept(self) -> int:
        """How many of the first topic may travel."""
        return -(-self.count // PROMOTABLE_EVERY)

    @property
    def all_verdicts(self) -> dict[str, int]:
        """What a plan says of the second topic's events where the target holds nothing."""
        blocks, rest = divmod(self.count, len(BLOCK))
        changed = blocks * len(CHANGED) + max(0, rest - (len(BLOCK) - len(CHANGED)))
        return {"new": self.count - changed, "changed": changed}

    def mixed(self) -> Iterator[Made]:
        """The first topic: one event in twenty is promotable, the others are what happened in one environment."""
        nonces = Counter[int]()
        for number in range(self.count):
            if number % PROMOTABLE_EVERY:
                others = number - number // PROMOTABLE_EVERY
                name, host = TRANSACTIONAL[others % len(TRANSACTIONAL)], number * 7 % len(HOSTS)
                yield self._made(number, nonces, name, host, number)
            else:
                name, block, thing, text = _travels(number // PROMOTABLE_EVERY)
                yield self._made(number, nonces, name, _host(block), thing, text)

    def promotable(self) -> Iterator[Made]:
        """The second topic: things are created and changed, and everything may travel."""
        nonces = Counter[int]()
        for number in range(self.count):
            block, place = divmod(number, len(BLOCK))
            name = BLOCK[place]
            thing = block * _API_RULES + place if name == API_RULE else block
            yield self._made(number, nonces, name, _host(block), thing, int(name.endswith("UpdatedEvent")))

    @cached_property
    def verdicts(self) -> dict[str, int]:
        """What a plan says of the first topic's promotable events where the target holds the second topic."""
        found = Counter[str]()
        for number in range(self.kept):
            name, _, thing, text = _travels(number)
            changed = "changed" if text and name not in KEYS_ONLY else "same"
            found["new" if thing >= _ELSEWHERE else changed] += 1
        return dict(found)

    def _made(self, number: int, nonces: Counter[int], name: str, host: int, thing: int, text: int = 0) -> Made:
        known = self._bodies.get((name, host, text))
        if known is None:
            known = self._bodies[name, host, text] = self._encode(name, host, text)
        nonces[host] += 1
        timestamp = START + number * SPAN // self.count
        body = known[0] + zigzag(nonces[host]) + zigzag(timestamp) + known[1]
        return Made(name, HOSTS[host], timestamp, body.replace(_THING, b"%08d" % thing))

    def _encode(self, name: str, host: int, text: int) -> tuple[bytes, bytes]:
        """What stands before the nonce and behind the timestamp."""
        schema = self._schemas[NAMESPACE + name]
        body = from_json_value(schema, _tree(json.loads(schema.text), HOSTS[host], USERS[host], text))
        where = spans(schema, body)
        assert where.nonce is not None
        assert where.timestamp is not None
        assert where.nonce[1] == where.timestamp[0]
        return body[: where.nonce[0]], body[where.timestamp[1] :]


def _travels(number: int) -> tuple[str, int, int, int]:
    """Type, block, thing and text of a promotable event of the first topic: the same, changed or new in turn."""
    block, place = divmod(number, _MIXED)
    name = API_RULE if place < _MIXED_RULES else CREATED_ONCE[place - _MIXED_RULES]
    thing = block * _API_RULES + place if name == API_RULE else block
    same, changed = number % 3 == 0, number % 3 == 1
    return name, block, thing if same or changed else thing + _ELSEWHERE, 2 if changed else 0


def _host(block: int) -> int:
    return block * 37 % len(HOSTS)


def _tree(schema: dict[str, Any], host: str, user: str, text: int) -> dict[str, Any]:
    """The value of a schema as JSON, with the mark where the number of its thing comes."""
    thing = _THING.decode()
    later = any(item["name"] == "userId" for item in schema["fields"][0]["type"]["fields"])
    event_id = {"id": f"01964b05-552a-7c4b-9184-{thing}0000" if later else user, "nonce": 0, "timestamp": 0}
    tree: dict[str, Any] = {"EventId": event_id | {"derived": False}}
    if later:
        event_id |= {"userId": user, "hostId": host}
        tree["EventId"] |= event_id
    reference = schema["name"].startswith("Reference")
    for item in schema["fields"][1:]:
        tree[item["name"]] = host if item["name"] == "hostId" else _field(item, user, text, reference)
    return tree


def _field(item: dict[str, Any], user: str, text: int, reference: bool) -> Any:
    name, kind, thing = item["name"], item["type"], _THING.decode()
    if kind != "string":
        return {"boolean": True, "int": 8443, "long": START}.get(kind) if isinstance(kind, str) else _list(kind, text)
    if name in _CONSTANT:
        return _CONSTANT[name] or user
    if name.endswith("Id") or name in ("name", "errorCode", "key") or (reference and name == "value"):
        return f"{name}-{thing}"
    if name == "value":
        return json.dumps({"revision": text, "owner": "platform", "description": f"Thing {thing} of the platform."})
    return f"What {name} of {thing} says, revision {text}."


def _list(kind: Any, text: int) -> list[str] | None:
    """The rules of an API; unions stay empty."""
    return [f"rule-{_THING.decode()}", f"rule-of-revision-{text}"] if isinstance(kind, dict) else None
