"""Schemas, events and rules for the tests of rewrite rules."""

import json
from typing import Any
from uuid import UUID

from promotion.domain.json_codec import from_json_value, to_json_value
from promotion.domain.names import split_name
from promotion.domain.rewrite import Facts, Outcome, Rewriter, Seeds, rules_from_json
from promotion.domain.schema import Schema, parse

SEEDS = Seeds(UUID(int=1), UUID(int=2))
NAME = "net.lightapi.portal.t.ThingCreatedEvent"
EVENT_ID = {
    "early": [("id", "string"), ("nonce", "long")],
    "document": [("id", "string"), ("nonce", "long"), ("timestamp", "long", 0), ("derived", "boolean", False)],
    "later": [
        ("id", "string"), ("userId", "string"), ("hostId", "string"), ("nonce", "long"), ("timestamp", "long", 0),
        ("derived", "boolean", False),
    ],
}  # fmt: skip
ID = {
    "early": {"id": "ann", "nonce": 7},
    "document": {"id": "ann", "nonce": 7, "timestamp": 1_000, "derived": False},
    "later": {"id": "e1", "userId": "ann", "hostId": "dev", "nonce": 7, "timestamp": 1_000, "derived": False},
}


def fields(*items: tuple) -> list[dict[str, Any]]:
    return [dict(zip(("name", "type", "default"), item, strict=False)) for item in items]


def record(name: str, *items: tuple, **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": fields(*items), **more}


def schema(*own: tuple, generation: str | None = "later", name: str = NAME) -> Schema:
    event_id = [("EventId", record("com.networknt.kafka.common.EventId", *EVENT_ID[generation]))] if generation else []
    return parse(json.dumps(record(name, *event_id, *own)))


def facts(made: Schema, partition: int = 0, offset: int = 5, timestamp: int = 2_000) -> Facts:
    return Facts(made.full_name, *split_name(made.full_name), partition, offset, timestamp)


def rule(*actions: dict[str, Any], when: tuple[dict[str, Any], ...] = (), name: str = "r", **more: Any) -> dict:
    return {"name": name, "when": list(when), "then": list(actions), **more}


def do(what: str, path: str | None = None, **more: Any) -> dict[str, Any]:
    return {"do": what} | ({} if path is None else {"path": path}) | more


def replace(path: str, old: Any, new: Any) -> dict[str, Any]:
    return {"do": "replace", "path": path, "from": old, "to": new}


def rewriter(*rules: dict[str, Any], seeds: Seeds = SEEDS) -> Rewriter:
    return Rewriter(rules_from_json(list(rules)), seeds)


def apply(made: Schema, value: Any, *rules: dict[str, Any], target: Schema | None = None, **where: int) -> Outcome:
    """Rewrite the event of a JSON value. `target` is the target's schema of its own name."""
    targets = {target.full_name: target} if target else {}
    return rewriter(*rules).rewrite(facts(made, **where), made, from_json_value(made, value), targets.get)


def after(made: Schema, value: Any, *rules: dict[str, Any], **more: Any) -> Any:
    """The JSON value that the rules make of an event's; the event has to be changed and valid."""
    outcome = apply(made, value, *rules, **more)
    assert outcome.problems == ()
    assert outcome.body is not None
    return to_json_value(outcome.schema, outcome.body)


def unchanged(outcome: Outcome) -> bool:
    return outcome.body is None and outcome.schema is None and not outcome.changes and not outcome.problems
