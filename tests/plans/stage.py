"""Roles with a life: created, changed, deleted on dev and on sit, with key fields that a plan goes by."""

import json

from promotion.actions.connect import registry_connection
from promotion.domain.decode import read
from promotion.domain.schema import Schema
from promotion.domain.wire import unframe
from promotion.kafka.registry import Registry
from promotion.models import EventType
from tests import cast
from tests.replay import stage
from tests.replay.stage import Source

FIELDS = ("hostId", "string"), ("roleId", "string"), ("roleDesc", "string")


def role(source: Source, action: str) -> Schema:
    """The schema of a role's event; its type is in the table, its identity is host and roleId."""
    made = stage.schema(source.name(f"Role{action}Event"), *FIELDS, generation="document")
    if not EventType.objects.filter(full_name=made.full_name).exists():
        cast.event_type(made.full_name, "promotable", schema=cast.store_schema(made.text))
    EventType.objects.filter(full_name=made.full_name).update(proposed_key_fields=["host", "roleId"])
    return made


def happen(source: Source, action: str, role_id: str, desc: str = "", **more) -> None:
    """Queue one event of the role `role_id`; `nonce` and `user` are EventId's."""
    event_id = {"id": more.pop("user", "user-1"), "nonce": more.pop("nonce", 1), "timestamp": 5, "derived": False}
    value = {"EventId": event_id, "hostId": "h1", "roleId": role_id, "roleDesc": desc}
    source.add(role(source, action), value, **more)


def twin(source: Source, environment) -> Source:
    """Somebody else, who produces the same types on another environment."""
    for action in ("Created", "Updated", "Deleted"):
        role(source, action)
    return Source(environment, source.namespace)


def verdicts(plan) -> list[str]:
    """The plan's verdicts in order, those that somebody forced with an exclamation mark."""
    return [f"{v}{'!' if forced else ''}" for v, forced in plan.judgements.values_list("verdict", "forced")]


def trees(environment, records) -> list[dict]:
    """What consumed records say, decoded with the registry of where they are."""
    with Registry(registry_connection(environment)) as registry:
        return [read(stage.parse(registry.schema_by_id(unframe(r.value)[0])), unframe(r.value)[1]) for r in records]


def text(tree: dict) -> str:
    return json.dumps(tree)
