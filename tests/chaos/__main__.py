"""`python -m tests.chaos`, or `make chaos`: kill what replays, again and again, and count what went wrong.

It may be stopped at any time, by SIGKILL too; the same command goes on where it was, and adds up.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.interruption import Interrupted, as_exceptions, end_with_parent_if_asked
from portal_admin.embedded.stack import Addresses
from portal_admin.embedded.terminal import say
from tests.chaos.ground import Ground
from tests.chaos.totals import Totals

#: More than this in one replay would be given up by the console: a job that kills every worker is not tried for ever.
MOST_KILLS_A_REPLAY = 25
FEWEST_KILLS_A_REPLAY = 2


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="how many kills, earlier runs included (%(default)s)")
    parser.add_argument("--events", type=int, default=100_000, help="over how many events (%(default)s)")
    parser.add_argument("--events-a-replay", type=int, default=2_000, help="(%(default)s)")
    parser.add_argument("--json", type=Path, help="write the totals to this file")
    parser.add_argument("--dir", type=Path, default=Path(".local/chaos"), help="for data and logs (%(default)s)")
    parser.add_argument("--seed", type=int, help="for the choice of attacks; a new directory has one of its own")
    parser.add_argument("--reset", action="store_true", help="forget what earlier runs did")
    parser.add_argument("--services", type=Path, help="take source and registries of a running `make services`")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> int:
    """Play rounds until there were enough kills and events. Returns the exit code: 0 only where nothing went wrong."""
    shared = Addresses.from_json(arguments.services.read_text()).clusters if arguments.services else None
    ground = Ground(arguments.dir, shared)
    if arguments.reset:
        forget(ground)
    try:
        ground.start()
        totals = Totals.load(ground.directory / "totals.json")
        totals.runs += 1
        totals.seed = totals.seed if arguments.seed is None else arguments.seed
        save = saver(totals, ground.directory / "totals.json", arguments.json)
        save()
        play(ground, totals, save, arguments)
    except Interrupted as interruption:
        say(f"Stopped ({interruption}). The same command goes on from here.")
        return 130
    except EmbeddedError as error:
        say(f"{error.message}\n{error.hint}")
        return 1
    finally:
        ground.stop()
    say(totals.to_json())
    return 0 if totals.faultless else 1


def play(ground: Ground, totals: Totals, save: Callable[[], None], arguments: argparse.Namespace) -> None:
    """Set Django up on the services, start the console, and play rounds."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    from tests.chaos.rounds import Rounds
    from tests.chaos.workload import follow_the_services

    follow_the_services(ground)
    ground.start_console()
    rounds = Rounds(ground, totals, save)
    while not rounds.complete or totals.kills < arguments.kills or totals.events < arguments.events:
        left = max(1, -(-(arguments.events - totals.events) // arguments.events_a_replay))
        kills = max(FEWEST_KILLS_A_REPLAY, -(-(arguments.kills - totals.kills) // left))
        said = rounds.play(arguments.events_a_replay, min(MOST_KILLS_A_REPLAY, kills))
        say(f"{said}. In all {totals.kills} kills, {totals.events:,} events.")


def saver(totals: Totals, file: Path, copy: Path | None) -> Callable[[], None]:
    def save() -> None:
        totals.save(file)
        if copy:
            totals.save(copy)

    return save


def forget(ground: Ground) -> None:
    """Remove the directory, unless somebody else is at work there. Raises EmbeddedError then."""
    ground.stack.open()
    ground.stack.stop()
    shutil.rmtree(ground.directory)


def main() -> int:
    """The command line. Returns the exit code."""
    end_with_parent_if_asked()
    os.environ.pop("PROMOTION_FAILPOINT", None)
    arguments = parse()
    with as_exceptions():
        return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
