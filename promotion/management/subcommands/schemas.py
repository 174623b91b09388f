"""`manage.py environments schemas`: give an environment without a registry its schemas and their ids, and show them."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from promotion.actions.environment_schemas import Changed, add, change, counts
from promotion.actions.load_environments import named
from promotion.domain.schema_files import MAX_BYTES, File
from promotion.errors import InvalidInput, NotFound
from promotion.management.base import Answer, actor_or_admin, add_common
from promotion.models import Environment


def add_options(parser: ArgumentParser) -> None:
    """Add the options of `schemas` but `--as`."""
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--add", nargs="+", type=Path, default=[], metavar="FILE", help=".avsc files, or a registry's export as .json."
    )
    parser.add_argument("--ids", type=Path, metavar="FILE", help="An object of full names and ids, as JSON.")
    parser.add_argument("--from-project", action="store_true", help="Add the console's own catalogue, without ids.")
    parser.add_argument(
        "--remove", nargs="+", type=int, default=[], metavar="ROW", help="Remove these rows, as --list numbers them."
    )
    parser.add_argument("--list", action="store_true", help="Show all schemas with their ids.")
    add_common(parser)


def give(options: dict[str, Any]) -> Answer:
    """Remove, then add what the options name; return what became of it. Without any of that, show the schemas."""
    environment = named(options["name"])
    answer: Answer = {"environment": environment.name}
    changing = options["add"] or options["ids"] or options["from_project"] or options["remove"]
    if changing:
        answer |= _change(options, environment)
        environment.refresh_from_db()
    answer |= {"schema_source": environment.schema_source, **counts(environment)}
    return answer | ({"list": _listed(environment)} if options["list"] or not changing else {})


def _change(options: dict[str, Any], environment: Environment) -> Answer:
    user, done = actor_or_admin(options), Changed()
    files = list(_read(options["add"]))  # so that nothing is removed where a file cannot be read
    ids = list(_read([options["ids"]] if options["ids"] else []))
    if options["remove"]:
        _check_rows(environment, options["remove"])
        done.removed = change(user, environment, {}, options["remove"], None).removed
    if files or ids or options["from_project"]:
        added = add(user, environment, files, ids, project=options["from_project"])
        added.removed, done = done.removed, added
    return asdict(done)


def _check_rows(environment: Environment, rows: list[int]) -> None:
    missing = sorted({*rows} - {*environment.schemas.filter(pk__in=rows).values_list("pk", flat=True)})
    if missing:
        raise NotFound(f"{environment.name} has no schema {missing[0]}.", "`--list` shows those there are.")


def _read(paths: list[Path]) -> Iterator[File]:
    for path in paths:
        try:
            with path.open("rb") as file:
                yield path.name, file.read(MAX_BYTES + 1)
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error


def _listed(environment: Environment) -> list[Answer]:
    rows = environment.schemas.select_related("schema", "added_by").defer("schema__text")
    return [
        {
            "row": row.pk,
            "type": row.schema.full_name,
            "id": row.registry_id,
            "fingerprint": row.schema.fingerprint,
            "added_by": row.added_by.get_username(),
            "added_at": row.added_at,
        }
        for row in rows
    ]
