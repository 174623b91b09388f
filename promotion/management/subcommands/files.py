"""Subcommands of `manage.py promotion`: download outgoing events, and upload them when they are edited."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, BinaryIO

from promotion import jobs
from promotion.actions import apply_upload
from promotion.actions.download import Download, download
from promotion.actions.upload import upload
from promotion.domain.files.items import Format
from promotion.errors import InvalidInput
from promotion.management.base import Answer, actor, add_common, add_sensitive, end_with, promotion, wait_for
from promotion.management.streams import opened
from promotion.models import LineVerdict, Upload

OF_AN_UPLOAD = (*apply_upload.APPLICABLE, LineVerdict.UNCHANGED, *apply_upload.FAULTY)
FORMATS = [each.value for each in Format]
#: Lines that the answer names; the page of the upload shows all of them.
MOST_LINES = 1_000


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser("download", help="Write the outgoing events to a file.")
    parser.add_argument("id", type=int)
    parser.add_argument("--format", choices=FORMATS, default=Format.JSONL.value)
    parser.add_argument("--plain", action="store_true", help="Unions without tags where that is unambiguous.")
    parser.add_argument("--out", required=True, metavar="FILE", help="Where to; - is standard output.")
    parser.add_argument("--all", action="store_true", help="The excluded events too.")
    add_sensitive(parser)
    parser.add_argument("--as", dest="actor", metavar="USER", help="Who downloads; needed for --sensitive.")
    add_common(parser)
    parser.set_defaults(handler=_download)
    parser = subparsers.add_parser("upload", help="Compare an edited file with the events, and apply it.")
    parser.add_argument("id", type=int)
    parser.add_argument("--file", required=True, metavar="FILE", help="The file; - is standard input.")
    parser.add_argument("--format", choices=FORMATS, default="", help="Else recognised.")
    parser.add_argument("--missing", choices=["keep", "exclude"], default="keep", help="Events not in the file.")
    parser.add_argument("--dry-run", action="store_true", help="Compare only, and discard the file.")
    parser.add_argument("--good-lines", action="store_true", help="Apply the others where some lines cannot be.")
    add_common(parser, user=True)
    parser.set_defaults(handler=_upload)


def _download(options: dict[str, Any]) -> Answer | None:
    found = promotion(options)
    user = actor(options) if options["actor"] else None
    asked = options["all"], Format(options["format"]), options["plain"], options["sensitive"]
    file = download(user, found, *asked)
    if options["out"] == "-":
        _write(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return None
    try:
        with Path(options["out"]).open("wb") as stream:
            _write(file, stream)
    except OSError as error:
        raise InvalidInput(f"{options['out']} cannot be written: {error.strerror}.") from error
    return {"id": found.pk, "events": file.events, "format": file.form, "out": options["out"]}


def _write(file: Download, stream: BinaryIO) -> None:
    for block in file.blocks():
        stream.write(block)


def _upload(options: dict[str, Any]) -> Answer:
    user, found = actor(options), promotion(options)
    with opened(options["file"]) as (name, pieces):
        made, job = upload(user, found, name, pieces, options["format"])
    wait_for(jobs.enqueue(job))
    made.refresh_from_db()
    answer = _answer(made)
    faults = sum(answer[verdict.value] for verdict in apply_upload.FAULTY)
    if options["dry_run"] or (faults and not options["good_lines"]):
        apply_upload.discard(user, made)
        return answer if options["dry_run"] else end_with(_faulty(), answer)
    apply_upload.apply(user, made, options["missing"] == "exclude")
    return answer | {"applied": True}


def _faulty() -> InvalidInput:
    return InvalidInput(
        "Some lines cannot be applied, so nothing was applied.",
        "Correct the lines that are named, or give --good-lines to leave them out.",
    )


def _answer(made: Upload) -> Answer:
    lines = made.lines.exclude(verdict=LineVerdict.UNCHANGED).values_list("number", "verdict", "problems")
    return {
        **{verdict.value: made.counts.get(verdict.value, 0) for verdict in OF_AN_UPLOAD},
        "format": made.format,
        "missing": made.missing,
        "applied": False,
        "lines": [
            {"line": number, "verdict": verdict, "problems": problems}
            for number, verdict, problems in lines.order_by("number")[:MOST_LINES]
        ],
    }
