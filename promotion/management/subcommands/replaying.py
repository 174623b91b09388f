"""Subcommands of `manage.py promotion`: replay, receipt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from promotion import jobs
from promotion.actions.receipt import receipt_json, replay_of
from promotion.actions.replay import request_replay
from promotion.errors import InvalidInput
from promotion.management.answers import Answer, promotion_answer
from promotion.management.base import actor, add_common, promotion, wait_for


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser("replay", help="Plan, check and replay the outgoing events to the target.")
    parser.add_argument("id", type=int)
    parser.add_argument(
        "--register-versions",
        action="store_true",
        help="Add a version to an existing subject of the target's registry where the exact schema is not there.",
    )
    parser.add_argument(
        "--accept-incomplete", action="store_true", help="Replay although records were deleted before the export."
    )
    add_common(parser, user=True, wait=True)
    parser.set_defaults(handler=_replay)
    parser = subparsers.add_parser("receipt", help="List where each event stands on the source and on the target.")
    parser.add_argument("id", type=int)
    parser.add_argument("--out", metavar="FILE", help="Write the receipt there and print a summary.")
    add_common(parser)
    parser.set_defaults(handler=_receipt)


def _replay(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    job = jobs.enqueue(
        request_replay(
            actor(options),
            found,
            register_versions=options["register_versions"],
            accept_incomplete=options["accept_incomplete"],
        )
    )
    if options["wait"]:
        wait_for(job)
        found.refresh_from_db()
    return promotion_answer(found)


def _receipt(options: dict[str, Any]) -> Answer | None:
    found = promotion(options)
    pieces = receipt_json(found)
    if not options["out"]:
        sys.stdout.writelines(pieces)
        return None
    try:
        with Path(options["out"]).open("w", encoding="utf-8") as file:
            file.writelines(pieces)
    except OSError as error:
        raise InvalidInput(f"{options['out']} cannot be written: {error.strerror}.", "Name another file.") from error
    replay = replay_of(found)
    return {"promotion": found.pk, "events": replay.committed if replay else 0, "out": options["out"]}
