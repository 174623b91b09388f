"""Subcommands of `manage.py promotion`: replay, receipt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from promotion import jobs
from promotion.actions.receipt import receipt_json, replay_of
from promotion.actions.replay_start import request_replay
from promotion.errors import InvalidInput
from promotion.management.answers import Answer, promotion_answer
from promotion.management.base import actor, add_common, promotion, wait_for
from promotion.management.subcommands.planning import add_choices, choices


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser(
        "replay", help="Replay the plan to the target; without one, make it and go on unless it is refused."
    )
    parser.add_argument("id", type=int)
    add_choices(parser)
    add_common(parser, user=True, wait=True)
    parser.set_defaults(handler=_replay)
    parser = subparsers.add_parser("receipt", help="List where each event stands on the source and on the target.")
    parser.add_argument("id", type=int)
    parser.add_argument("--out", metavar="FILE", help="Write the receipt there and print a summary.")
    add_common(parser)
    parser.set_defaults(handler=_receipt)


def _replay(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    job = jobs.enqueue(request_replay(actor(options), found, choices=choices(options)))
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
