"""Subcommands of `manage.py promotion`: archive, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from promotion.actions.archive import archive
from promotion.actions.restore import restore
from promotion.management.answers import Answer, promotion_answer
from promotion.management.base import actor, add_common, promotion


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser(
        "archive", help="Put a promotion's events into a compressed file, out of the database."
    )
    parser.add_argument("id", type=int)
    parser.add_argument("--dir", type=Path, required=True, help="Where the file is written.")
    add_common(parser, user=True)
    parser.set_defaults(handler=_archive)
    parser = subparsers.add_parser("restore", help="Read an archived promotion back.")
    parser.add_argument("file", type=Path)
    add_common(parser, user=True)
    parser.set_defaults(handler=_restore)


def _archive(options: dict[str, Any]) -> Answer:
    made = archive(actor(options), promotion(options), options["dir"])
    path = options["dir"] / made.file
    return {"id": made.promotion_id, "file": str(path), "sha256": made.sha256, "bytes": made.octets, "rows": made.rows}


def _restore(options: dict[str, Any]) -> Answer:
    return promotion_answer(restore(actor(options), options["file"]))
