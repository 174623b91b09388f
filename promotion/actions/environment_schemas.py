"""Give an environment its schemas, and the ids that its records bear for them, where no registry can be asked.

A wrong id makes consumers of a target read other events than were sent, so none is ever made up here, and one that is
given is only changed by somebody who names it. Every change moves the environment's version: plans go stale with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q

from promotion.actions import audit
from promotion.actions.environment_schema_steps import Steps, check_unique, steps_of
from promotion.actions.load_event_types import read_directory
from promotion.actions.schema_source import set_digest
from promotion.actions.schemas import store_schemas
from promotion.domain.given_schemas import GivenSchema
from promotion.domain.schema import Schema
from promotion.domain.schema_files import File, read_files
from promotion.errors import Conflict
from promotion.models import Environment, EnvironmentSchema
from promotion.models.environment import SchemaSource
from promotion.policy import ENVIRONMENTS, Actor, require

#: How many schemas an audit entry names; `digest` stands for all of them.
MOST_NAMED = 200


@dataclass
class Changed:
    """How many schemas were added, got an id (new ones too), lost or changed one, were removed, were there as they are.

    `left_out` says which entries of a registry's export are no schemas of events, and why.
    """

    added: int = 0
    ids: int = 0
    unchanged: int = 0
    removed: int = 0
    left_out: list[str] = field(default_factory=list)


def counts(environment: Environment) -> dict[str, int]:
    """Return how many `schemas` were given for the environment, and how many of them are `without_id`."""
    return EnvironmentSchema.objects.filter(environment=environment.pk).aggregate(
        schemas=Count("pk"), without_id=Count("pk", filter=Q(registry_id=None))
    )


def add(
    actor: Actor,
    environment: Environment,
    files: Iterable[File],
    ids_files: Iterable[File] = (),
    *,
    project: bool = False,
) -> Changed:
    """Add the schemas of `files`, and give the ids that their names, a registry's export or `ids_files` say.

    With `project` the schemas of the project's own catalogue are added as well; no id belongs to them until one is
    given. Raises Refused without the permission; InvalidInput, whose `problems` name every file and every id that is
    wrong, or given to another schema already: nothing is saved then.
    """
    require(actor, ENVIRONMENTS)
    own = read_directory(settings.SCHEMAS_DIR) if project else []
    given = read_files(files, ids_files, (GivenSchema(each, None, f"{each.full_name}.avsc") for each in own))
    steps_of(_rows(environment), given)  # before a schema is stored, which waits for nobody's lock
    store_schemas(each.schema for each in given.schemas)
    with transaction.atomic():
        locked = _locked(environment, None)
        steps = steps_of(_rows(locked), given)
        changed = _write(actor, "add schemas", locked, steps)
    changed.left_out = given.left_out
    return changed


def change(
    actor: Actor, environment: Environment, ids: Mapping[int, int | None], gone: Iterable[int], version: int | None
) -> Changed:
    """Give the rows `ids` these ids (None takes one away), and remove the rows `gone`.

    Raises Refused; Conflict where the environment is no longer at `version`, or a row is gone; InvalidInput where two
    schemas would have one id: nothing is saved then.
    """
    require(actor, ENVIRONMENTS)
    with transaction.atomic():
        locked = _locked(environment, version)
        rows = {row.pk: row for row in _rows(locked)}
        steps = Steps(gone=set(gone))
        if not {*ids, *steps.gone} <= rows.keys():
            raise Conflict(f"Somebody has removed some of these schemas of {locked.name}.", "Look at them again.")
        steps.ids = {pk: to for pk, to in ids.items() if pk not in steps.gone and rows[pk].registry_id != to}
        steps.unchanged = len(rows) - len(steps.ids) - len(steps.gone)
        check_unique(rows, steps)
        return _write(actor, "change schemas", locked, steps)


def _rows(environment: Environment) -> list[EnvironmentSchema]:
    return list(environment.schemas.select_related("schema").defer("schema__text"))


def _locked(environment: Environment, version: int | None) -> Environment:
    locked = Environment.objects.select_for_update().get(pk=environment.pk)
    if version is not None and locked.version != version:
        raise Conflict(
            f"Somebody changed {locked.name} or its schemas since you opened this page.",
            "Nothing was saved. Look at the schemas again, then change them.",
        )
    return locked


def _write(actor: Actor, verb: str, environment: Environment, steps: Steps) -> Changed:
    """Write the steps inside the caller's transaction, which holds the environment's lock."""
    changed = Changed(
        added=len(steps.new),
        ids=len(steps.ids) + sum(each.id is not None for each in steps.new),
        unchanged=steps.unchanged,
        removed=len(steps.gone),
    )
    if not (steps.new or steps.ids or steps.gone):
        return changed
    before = _described(environment, steps)
    environment.schemas.filter(pk__in=steps.gone).delete()
    _give(environment, steps.ids)
    added = _create(actor, environment, steps.new)
    environment.version += 1
    if environment.schema_source == SchemaSource.SET:
        environment.check_findings = environment.check_findings | {"registry": dict(counts(environment))}
    environment.save(update_fields=["version", "check_findings"])
    audit.record(actor, verb, environment, before=before, after=_described(environment, steps, added))
    return changed


def _give(environment: Environment, ids: Mapping[int, int | None]) -> None:
    """Give rows their ids. All are taken away first, so that two rows may change places."""
    environment.schemas.filter(pk__in=ids).update(registry_id=None)
    rows = [EnvironmentSchema(pk=pk, registry_id=schema_id) for pk, schema_id in ids.items()]
    EnvironmentSchema.objects.bulk_update(rows, ["registry_id"], batch_size=500)


def _create(actor: Actor, environment: Environment, new: list[GivenSchema]) -> list[EnvironmentSchema]:
    schemas: list[Schema] = [each.schema for each in new]
    return EnvironmentSchema.objects.bulk_create(
        EnvironmentSchema(environment=environment, schema=row, registry_id=each.id, added_by=actor)
        for each, row in zip(new, store_schemas(schemas), strict=True)
    )


def _described(environment: Environment, steps: Steps, added: list[EnvironmentSchema] | None = None) -> dict[str, Any]:
    """Return what the audit trail says of the rows that change: the ids of their types, and the set's digest."""
    touched = [*steps.ids, *steps.gone, *(row.pk for row in added or ())][:MOST_NAMED]
    rows = environment.schemas.filter(pk__in=touched).values_list("schema__full_name", "schema__sha256", "registry_id")
    said = {f"{name} {sha256[:12]}": schema_id for name, sha256, schema_id in rows}
    return {**counts(environment), "digest": set_digest(environment)[:32], "ids": said}
