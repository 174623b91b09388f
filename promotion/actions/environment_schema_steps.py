"""What giving schemas to an environment comes to, row by row, and what contradicts what it has already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from promotion.domain.given_schemas import MAX_ID, MAX_SCHEMAS, MOST_PROBLEMS, GivenFiles, GivenSchema
from promotion.errors import InvalidInput
from promotion.models import EnvironmentSchema


@dataclass
class Steps:
    """What a change comes to: new schemas, new ids of rows (None takes one away), rows that go."""

    new: list[GivenSchema] = field(default_factory=list)
    ids: dict[int, int | None] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    unchanged: int = 0


def steps_of(rows: list[EnvironmentSchema], given: GivenFiles) -> Steps:
    """Return what adding `given` to `rows` comes to. Raises InvalidInput with everything that contradicts them."""
    steps, problems = Steps(), []
    by_sha = {row.schema.sha256: row for row in rows}
    owners = {row.registry_id: row for row in rows if row.registry_id is not None}
    wanted = [(each, by_sha.get(each.schema.sha256)) for each in given.schemas]
    for each, row in wanted:
        owner = owners.get(each.id) if each.id is not None else None
        if owner is not None and owner is not row:
            problems.append(f"{each.where}: the id {each.id} belongs to another schema, of {owner.schema.full_name}.")
        elif row is None:
            steps.new.append(each)
        elif each.id is None or each.id == row.registry_id:
            steps.unchanged += 1
        elif row.registry_id is not None:
            problems.append(f"{each.where}: {row.schema.full_name} has the id {row.registry_id}, not {each.id}.")
        else:
            steps.ids[row.pk] = each.id
    problems += _left_ids(rows, owners, given.ids, steps)
    if len(rows) + len(steps.new) > MAX_SCHEMAS:
        problems.append(f"There would be more than {MAX_SCHEMAS:,} schemas.")
    if problems:
        raise InvalidInput(
            "Nothing was saved: what was given contradicts what is there.",
            "Mend what is listed, or change or remove the schemas that are there.",
            problems[:MOST_PROBLEMS],
        )
    return steps


def _left_ids(
    rows: list[EnvironmentSchema], owners: Mapping[int, EnvironmentSchema], ids: Mapping[str, int], steps: Steps
) -> list[str]:
    """Give ids of types whose schema is there already; return what is wrong with them."""
    problems = []
    for name, schema_id in ids.items():
        found = [row for row in rows if row.schema.full_name == name]
        owner = owners.get(schema_id)
        if owner is not None and owner not in found:
            problems.append(f"ids: the id {schema_id} belongs to another schema, of {owner.schema.full_name}.")
        elif owner is not None:
            steps.unchanged += 1
        elif not found:
            problems.append(f"ids: there is no schema of {ascii(name)[1:-1][:200]}.")
        elif len(found) > 1 or found[0].registry_id is not None:
            problems.append(f"ids: {name} has several schemas, or an id already: change the id of the one you mean.")
        else:
            steps.ids[found[0].pk] = schema_id
    return problems


def check_unique(rows: Mapping[int, EnvironmentSchema], steps: Steps) -> None:
    """Raise InvalidInput where two of the rows that stay would have one id, or where an id is none."""
    owners: dict[int, str] = {}
    problems = []
    for pk, row in rows.items():
        schema_id = steps.ids.get(pk, row.registry_id)
        if pk in steps.gone or schema_id is None:
            continue
        if not 0 <= schema_id <= MAX_ID:
            problems.append(f"{row.schema.full_name}: an id is a number from 0 to {MAX_ID:,}.")
        elif schema_id in owners:
            problems.append(f"The id {schema_id} of {row.schema.full_name} is given to {owners[schema_id]} as well.")
        owners[schema_id] = row.schema.full_name
    if problems:
        raise InvalidInput("Nothing was saved.", "Each schema has an id of its own.", problems[:MOST_PROBLEMS])
