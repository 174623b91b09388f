"""Replays from the command line, whatever an earlier test has brought to sit already."""

from __future__ import annotations

from contextlib import suppress

from tests.processes import CommandFailed, Console


def promoted(console: Console, event_type: str) -> str:
    """Return a new promotion of all events of a type, exported, and every one of them is on sit already."""
    first, second = (_exported(console, event_type) for _ in range(2))
    with suppress(CommandFailed):
        console.manage("promotion", "replay", first, "--as=manager", "--wait")
    return second


def _exported(console: Console, event_type: str) -> str:
    made = console.manage(
        "promotion", "create", "--source=dev", "--target=sit", "--title=Again", f"--type={event_type}", "--as=manager"
    )
    console.manage("promotion", "export", str(made["id"]), "--as=manager", "--wait")
    return str(made["id"])
