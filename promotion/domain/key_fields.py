"""Which fields of an event type name the thing it is about: proposed from its schema, for a curator to correct.

A Deleted event carries little but what names the thing, so where there is one, what it has in common with Created and
Updated is the identity. Elsewhere names decide: ids, and what stands beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from promotion.domain.avro_type import AvroType
from promotion.domain.event_id import FIELD as EVENT_ID
from promotion.domain.identity import HOST
from promotion.domain.names import split_name
from promotion.domain.schema import Schema

MOST_PATHS = 8
MOST_CHARACTERS = 200
_SCALARS = frozenset({"string", "int", "long", "enum"})
_LIFE = ("Deleted", "Created", "Updated")
_HOST_ID = "hostId"
#: What a Deleted event says beside the identity.
_SAID_BESIDE = frozenset({"value", "owner", "user", "label", "desc"})
_DESCRIBES = ("Value", "Desc", "Description", "Owner")
#: What tells things apart that share their ids.
_BESIDE_IDS = frozenset({"endpoint", "propertyName", "colName"})


class TypeSchema(NamedTuple):
    """An event type as far as its identity goes."""

    full_name: str
    schema: Schema


class _Exception(NamedTuple):
    paths: tuple[str, ...]
    reason: str


_EXCEPTIONS = {
    "Reference": _Exception((HOST, "table", "language", "value"), "An entry is called by its value in its table."),
    "RefRela": _Exception((HOST, "rela", "language", "from", "value"), "It joins two values."),
    "Org": _Exception(("domain",), "The host in Created is the one it makes, in the others the acting one."),
    "ServiceRule": _Exception((HOST, "serviceId", "endpoint", "ruleType"), "An endpoint has rules of several types."),
    "DeploymentJobId": _Exception((HOST, "deploymentId"), "The other id is what changes."),
    "Order": _Exception((), "Created carries no order id, and a customer has many orders."),
    "PrivateMessage": _Exception((), "A message has no id of its own."),
}
_EXCEPTIONS_OF_ACTIONS = {
    ("Host", "Switched"): _Exception((), "It says where a user works now, and changes nothing of the host."),
}


def propose(aggregate: str, types: Sequence[TypeSchema]) -> dict[str, list[str]]:
    """Return full name -> dotted paths for all types of one aggregate of the catalogue.

    All of them have the same paths in the same order, `host` first; empty where a type lacks one of them, or where no
    field names the thing: its events are judged alone.
    """
    known = _EXCEPTIONS.get(aggregate)
    paths = list(known.paths) if known else _paths(aggregate, types)
    return {each.full_name: _of_type(aggregate, each, paths) for each in types}


def propose_alone(full_name: str, schema: Schema, kin: Sequence[Sequence[str]] = ()) -> list[str]:
    """Return the paths of a type that is in no catalogue.

    `kin` are the paths of the known types of its aggregate: types of one aggregate must agree, so it takes the first
    that fit, or none. Where nobody knows the aggregate its own names decide, whatever its action.
    """
    aggregate = split_name(full_name).aggregate
    one = TypeSchema(full_name, schema)
    if kin:
        return next(filter(None, (_of_type(aggregate, one, list(paths)) for paths in kin)), [])
    return _of_type(aggregate, one, _with_host(aggregate, [one], _ids(aggregate, _scalars(schema))))


def problem_with(schema: Schema, path: str) -> str:
    """Return a sentence that says why `path` cannot be a key field of the type, or nothing where it can.

    It is `host`, or leads through records to a text, a whole number or an enum, which may be nullable.
    """
    if len(path) > MOST_CHARACTERS:
        return f"A path has at most {MOST_CHARACTERS} characters."
    if path == HOST:
        return "" if _has_host(schema) else "The type has neither a hostId nor an EventId.hostId."
    node: AvroType | None = schema.root
    for name in path.split("."):
        node = _field(node, name)
    if node is None:
        return f"The type has no field {path}."
    return "" if _not_null(node).kind in _SCALARS else f"{path} is no text, whole number or enum: {node}."


def _paths(aggregate: str, types: Sequence[TypeSchema]) -> list[str]:
    by_action = [(split_name(each.full_name).action, each) for each in types]
    life = [each for action in _LIFE for found, each in by_action if found == action] or list(types)
    common = [name for name in _scalars(life[0].schema) if all(name in _scalars(each.schema) for each in life)]
    if any(action == "Deleted" for action, _ in by_action):
        names = [name for name in common if name not in _SAID_BESIDE and not name.endswith(_DESCRIBES)]
    else:
        names = _ids(aggregate, common)
    return _with_host(aggregate, life, names)


def _with_host(aggregate: str, types: Sequence[TypeSchema], names: list[str]) -> list[str]:
    """Put the host first; the host alone names nothing but a host."""
    if not names and aggregate != "Host":
        return []
    return [HOST, *names] if any(_has_host(each.schema) for each in types) else names


def _ids(aggregate: str, names: Sequence[str]) -> list[str]:
    """Return those of `names` that read like an identity: the thing's own id, else all ids, else the e-mail address."""
    own = f"{aggregate[:1].lower()}{aggregate[1:]}Id"
    for name in (own, "id", "key"):
        if name in names:
            return [name]
    if any(name.endswith("Id") for name in names):
        return [name for name in names if _stands_with_ids(name, names)]
    return [name for name in names if name == "email"]


def _stands_with_ids(name: str, names: Sequence[str]) -> bool:
    version_of = f"{name.removesuffix('Version')}Id"
    return name.endswith("Id") or name in _BESIDE_IDS or (name.endswith("Version") and version_of in names)


def _of_type(aggregate: str, each: TypeSchema, paths: list[str]) -> list[str]:
    known = _EXCEPTIONS_OF_ACTIONS.get((aggregate, split_name(each.full_name).action))
    wanted = list(known.paths) if known else paths
    return wanted if not any(problem_with(each.schema, path) for path in wanted) else []


def _scalars(schema: Schema) -> list[str]:
    """Return the names of the fields that always hold one value, without the host's."""
    return [item.name for item in schema.root.fields if item.type.kind in _SCALARS and item.name != _HOST_ID]


def _has_host(schema: Schema) -> bool:
    event_id = _field(schema.root, EVENT_ID)
    nodes = (_field(schema.root, _HOST_ID), _field(event_id, _HOST_ID))
    return any(node is not None and _not_null(node).kind == "string" for node in nodes)


def _field(node: AvroType | None, name: str) -> AvroType | None:
    if node is None:
        return None
    return next((item.type for item in _not_null(node).fields if item.name == name), None)


def _not_null(node: AvroType) -> AvroType:
    """Return the branch of a union of null and one type, else the type as it is."""
    branches = [branch for branch in node.inner if branch.kind != "null"] if node.kind == "union" else []
    return branches[0] if len(branches) == 1 else node
