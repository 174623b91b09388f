"""Subcommands of `manage.py promotion`: create, export, cancel, show, list."""

from __future__ import annotations

from typing import Any

from promotion import jobs
from promotion.actions.cancel import cancel
from promotion.actions.create import create
from promotion.actions.refresh import refresh
from promotion.actions.request import request_job
from promotion.domain.filter_text import moment, offsets
from promotion.domain.filters import ExportFilter
from promotion.errors import InvalidInput, NotFound
from promotion.management.answers import Answer, check_complete, promotion_answer, promotion_line
from promotion.management.base import actor, add_common, add_sensitive, audited, masks, promotion, wait_for
from promotion.models import Environment, Promotion, PromotionJob
from promotion.states import Approach, JobKind


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    _add_create(subparsers)
    for name, handler, what, wait in (
        ("export", _export, "Read the source and keep what may travel.", True),
        ("refresh", _refresh, "Read what came to the source since the export.", True),
        ("cancel", _cancel, "Stop what is queued or running.", True),
        ("show", _show, "Show how a promotion stands.", False),
    ):
        parser = subparsers.add_parser(name, help=what)
        parser.add_argument("id", type=int)
        add_common(parser, user=wait, wait=wait)
        if name == "show":
            add_sensitive(parser)
            parser.add_argument("--as", dest="actor", metavar="USER", help="Who sees them; needed for --sensitive.")
        parser.set_defaults(handler=handler)
    parser = subparsers.add_parser("list", help="List the promotions, the newest first.")
    add_common(parser)
    parser.set_defaults(handler=_list)


def _add_create(subparsers: Any) -> None:
    parser = subparsers.add_parser("create", help="Create a promotion; nothing is read yet.")
    parser.add_argument("--source", required=True, help="The environment to promote from.")
    parser.add_argument("--target", required=True, help="The environment to promote to.")
    parser.add_argument("--title", required=True)
    parser.add_argument("--type", action="append", default=[], metavar="FULLNAME", help="Only this event type.")
    parser.add_argument("--host", action="append", default=[], help="Only events of this host.")
    parser.add_argument("--user", action="append", default=[], help="Only events of this user.")
    parser.add_argument("--since", help="Only records from this time on (ISO 8601; without a zone: UTC).")
    parser.add_argument("--until", help="Only records before this time.")
    parser.add_argument("--offsets", action="append", default=[], metavar="P:START-END", help="Only these offsets.")
    parser.add_argument("--approach", choices=Approach.values, default=Approach.EDIT_FIRST.value, help="What is first.")
    add_common(parser, user=True)
    parser.set_defaults(handler=_create)


def _create(options: dict[str, Any]) -> Answer:
    try:
        filters = ExportFilter.from_json(
            {
                "types": options["type"],
                "hosts": options["host"],
                "users": options["user"],
                "since": moment(options["since"]) if options["since"] else None,
                "until": moment(options["until"]) if options["until"] else None,
                "offsets": offsets(options["offsets"]),
            }
        )
    except ValueError as error:
        raise InvalidInput(str(error), "Correct that option.") from error
    source, target = _environment(options["source"]), _environment(options["target"])
    made = create(actor(options), source, target, options["title"], filters, Approach(options["approach"]))
    return {"id": made.pk}


def _export(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    return _read(options, found, request_job(actor(options), found, JobKind.EXPORT))


def _refresh(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    return _read(options, found, refresh(actor(options), found))


def _read(options: dict[str, Any], found: Promotion, job: PromotionJob) -> Answer:
    jobs.enqueue(job)
    if options["wait"]:
        wait_for(job)
        found.refresh_from_db()
        check_complete(found)
    return promotion_answer(found)


def _cancel(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    job = cancel(actor(options), found)
    if options["wait"]:
        wait_for(job, fail=False)
    found.refresh_from_db()
    return promotion_answer(found)


def _show(options: dict[str, Any]) -> Answer:
    found, seen = promotion(options), masks(options)
    return audited(options, found, seen, promotion_answer(found, seen), "story")


def _list(options: dict[str, Any]) -> Answer:
    return {"promotions": [promotion_line(each) for each in Promotion.objects.with_environments().iterator()]}


def _environment(name: str) -> Environment:
    found = Environment.objects.filter(name=name).first() if "\0" not in name else None
    if found is None:
        raise NotFound(f"There is no environment '{name}'.", "`manage.py environments list` shows those there are.")
    return found
