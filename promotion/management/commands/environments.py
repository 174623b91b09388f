"""`manage.py environments ...`: load, list and check them, give their schemas, change the encryption keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from promotion import jobs
from promotion.actions.environments import check_again, rotate_keys
from promotion.actions.load_environments import load, named
from promotion.domain.findings import PARTS, health, part_health
from promotion.errors import InvalidInput, PromotionError
from promotion.forms.environments import settings_of
from promotion.management.base import Answer, JsonCommand, actor_or_admin, add_actor, add_common, end_with, wait_for
from promotion.management.subcommands import schemas
from promotion.models import Environment, PromotionJob


class Command(JsonCommand):
    """Does what the pages do, through the same actions and the same workers."""

    help = "Load, list and check environments; give their schemas; encrypt their secrets with a new key."

    def add_subcommands(self, subparsers: Any) -> None:
        """Add load, list, check, schemas and rotate-keys."""
        loading = subparsers.add_parser("load", help="Create and update environments from a TOML file.")
        loading.add_argument("file", type=Path, metavar="FILE.toml")
        loading.add_argument("--untested", action="store_true", help="Do not have a worker check what was saved.")
        add_common(loading, wait=True)
        listing = subparsers.add_parser("list", help="Show the environments, without their secrets.")
        add_common(listing)
        checking = subparsers.add_parser("check", help="Have a worker ask an environment's Kafka and registry.")
        checking.add_argument("name", metavar="NAME")
        add_common(checking, wait=True)
        rotating = subparsers.add_parser("rotate-keys", help="Encrypt all secrets anew with the newest key.")
        add_common(rotating)
        giving = subparsers.add_parser("schemas", help="Give and show the schemas of an environment.")
        schemas.add_options(giving)
        handlers = ((giving, schemas.give), (loading, _load), (listing, _list), (checking, _check), (rotating, _rotate))
        for parser, handler in handlers:
            if handler is not _list:
                add_actor(parser)
            parser.set_defaults(handler=handler)


def _load(options: dict[str, Any]) -> Answer:
    user = actor_or_admin(options)
    loaded = load(user, _read(options["file"]))
    answer = {"created": loaded.created, "updated": loaded.updated, "unchanged": loaded.unchanged}
    changed = [] if options["untested"] else [*loaded.created, *loaded.updated]
    try:
        started = {name: jobs.enqueue(check_again(user, named(name))) for name in changed}
        if options["wait"]:
            _wait_for_all(started)
    except PromotionError as error:  # what was loaded stays loaded
        end_with(error, answer)
    return answer


def _wait_for_all(started: dict[str, PromotionJob]) -> None:
    """Wait for every check. Raises what ended one badly; of several, an error of the first one's kind with all."""
    failed: dict[str, PromotionError] = {}
    for name, job in started.items():
        try:
            wait_for(job)
        except PromotionError as error:
            failed[name] = error
    if len(failed) == 1:
        raise next(iter(failed.values()))
    if failed:
        problems = [f"{name}: {each}" for name, error in failed.items() for each in error.problems or [str(error)]]
        kind = type(next(iter(failed.values())))
        raise kind(f"The checks of {', '.join(failed)} failed.", "All of them are loaded; mend each.", problems)


def _list(options: dict[str, Any]) -> Answer:
    return {"environments": [_describe(each) for each in Environment.objects.all()]}


def _check(options: dict[str, Any]) -> Answer:
    environment = named(options["name"])
    job = jobs.enqueue(check_again(actor_or_admin(options), environment))
    if options["wait"]:
        wait_for(job)
        environment.refresh_from_db()
    return {"job": str(job.pk), **_describe(environment)}


def _rotate(options: dict[str, Any]) -> Answer:
    return {"rotated": rotate_keys(actor_or_admin(options))}


def _describe(environment: Environment) -> Answer:
    findings = environment.check_findings
    return {
        **settings_of(environment),
        "cluster_id": environment.cluster_id,
        "checked_at": environment.checked_at,
        "health": health(findings),
        **{part: {"health": part_health(findings, part), **findings.get(part, {})} for part in PARTS},
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from error
