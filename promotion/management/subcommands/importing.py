"""Subcommand of `manage.py promotion`: a file becomes a promotion without a source cluster."""

from __future__ import annotations

from typing import Any

from promotion import jobs
from promotion.actions.import_file import import_file
from promotion.domain.files.items import Format
from promotion.domain.keys import Tenancy
from promotion.errors import NotFound, PromotionError
from promotion.management.answers import Answer, promotion_answer
from promotion.management.base import actor, add_common, end_with, wait_for
from promotion.management.streams import opened
from promotion.models import Environment, LineVerdict, Promotion, Upload

#: Entries that the answer names; the page of the import shows all of them.
MOST_LINES = 1_000
OF_AN_IMPORT = (LineVerdict.IMPORTED, LineVerdict.REPEATED, LineVerdict.LEFT_OUT, LineVerdict.INVALID)


def add(subparsers: Any) -> None:
    """Add this part's subcommand."""
    parser = subparsers.add_parser("import", help="Make a promotion of a file of events.")
    parser.add_argument("--target", required=True, help="The environment to promote to.")
    parser.add_argument("--title", required=True)
    parser.add_argument("--format", choices=[each.value for each in Format], default="", help="Else recognised.")
    parser.add_argument("--file", required=True, metavar="FILE", help="The file; - is standard input.")
    parser.add_argument("--keys", choices=["host", "user"], help="What the keys in the file are, where it has them.")
    add_common(parser, user=True, wait=True)
    parser.set_defaults(handler=_import)


def _import(options: dict[str, Any]) -> Answer:
    tenancy = {"host": Tenancy.MULTI, "user": Tenancy.SINGLE, None: None}[options["keys"]]
    asked = actor(options), _environment(options["target"]), options["title"]
    with opened(options["file"]) as (name, pieces):
        made, file, job = import_file(*asked, name, pieces, options["format"], tenancy)
    jobs.enqueue(job)
    if options["wait"]:
        try:
            wait_for(job)
        except PromotionError as error:
            end_with(error, _answer(made, file))  # which has the promotion's id: it can be imported again
    return _answer(made, file)


def _answer(made: Promotion, file: Upload) -> Answer:
    """Return how the promotion stands, and what became of the file's entries."""
    promotion = Promotion.objects.with_environments().get(pk=made.pk)
    file.refresh_from_db()
    lines = file.lines.order_by("number").values_list("number", "verdict", "problems")
    return {
        **promotion_answer(promotion),
        "format": file.format,
        "entries": {verdict.value: file.counts.get(verdict.value, 0) for verdict in OF_AN_IMPORT},
        "lines": [{"number": n, "verdict": verdict, "problems": said} for n, verdict, said in lines[:MOST_LINES]],
    }


def _environment(name: str) -> Environment:
    found = Environment.objects.filter(name=name).first() if "\0" not in name else None
    if found is None:
        raise NotFound(f"There is no environment '{name}'.", "`manage.py environments list` shows those there are.")
    return found
