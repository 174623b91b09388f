"""`python -m tests.bench.kcat`, or `make bench`: measure export, replay, verification and plan beside kcat.

The exit code is 1 where a result was wrong, whatever the times are, and 2 where kcat is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.interruption import Interrupted, as_exceptions, end_with_parent_if_asked
from portal_admin.embedded.secrets import write_private
from portal_admin.embedded.stack import Addresses
from portal_admin.embedded.terminal import say
from tests.bench.kcat import peers, report
from tests.bench.kcat.ground import Ground
from tests.bench.kcat.results import GROWING, WORKS, Results

#: A topic of fewer does not hold what the plan's verdicts are counted from.
FEWEST_EVENTS = 1_000
LONGER = 4
BASE = "bench"
PROFILED = ("export", "export_5", "plan", "plan_all", "replay", "verify")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kcat", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="in each topic (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (%(default)s)")
    parser.add_argument("--only", type=_works, default=set(WORKS), metavar="A,B", help=f"of {', '.join(WORKS)}")
    parser.add_argument("--long", action="store_true", help=f"once more with {LONGER} times the events")
    parser.add_argument("--json", type=Path, help="write the ratios to this file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument(
        "--profile", type=_profiled, metavar="A,B", help=f"only say where the time goes of {', '.join(PROFILED)}"
    )
    parser.add_argument("--without-peer", action="store_true", help="measure ours alone, where kcat is not installed")
    parser.add_argument("--dir", type=Path, default=Path(".local/bench-kcat"), help="for data and logs (%(default)s)")
    parser.add_argument("--services", type=Path, help="take the clusters of a running `make services`")
    arguments = parser.parse_args()
    if arguments.events < FEWEST_EVENTS or arguments.runs < 1:
        parser.error(f"at least {FEWEST_EVENTS} events and one run")
    return arguments


def _works(text: str) -> set[str]:
    return _some(text, WORKS)


def _profiled(text: str) -> set[str]:
    return _some(text, PROFILED)


def _some(text: str, known: Collection[str]) -> set[str]:
    names = set(text.split(","))
    if unknown := names.difference(known):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return names


def run(arguments: argparse.Namespace) -> int:
    """Start the services, measure, say it. Returns the exit code."""
    kcat = None if arguments.without_peer or arguments.profile else peers.Kcat.find()
    if kcat is None and not arguments.without_peer and not arguments.profile:
        say(peers.HOW_TO_INSTALL)
        return 2
    shared = Addresses.from_json(arguments.services.read_text()).clusters if arguments.services else None
    ground = Ground(arguments.dir, shared)
    try:
        ground.start()
        return measure(arguments, ground, kcat)
    except Interrupted as interruption:
        say(f"Stopped ({interruption}).")
        return 130
    except EmbeddedError as error:
        say(f"{error.message}\n{error.hint}")
        return 1
    finally:
        ground.stop()


def measure(arguments: argparse.Namespace, ground: Ground, kcat: peers.Kcat | None) -> int:
    """Set Django up on the services and do what was asked for."""
    import django

    django.setup()
    from tests.bench.kcat import machine
    from tests.bench.kcat.beside import Beside
    from tests.bench.kcat.profiling import profile
    from tests.bench.kcat.rounds import Rounds
    from tests.bench.kcat.stage import Stage, prepare
    from tests.bench.kcat.works import WrongResult

    def rounds(events: int, runs: int, wanted: set[str]) -> Results:
        say(f"Making topics of {events:,} events.")
        base, results = f"{BASE}_{events}", Results(events)
        ground.use_database(base, None)
        prepare()
        stage = Stage.build(ground.clusters, events)
        if arguments.profile:
            profile(stage, arguments.profile)
            return results
        played = Rounds(ground, Beside(ground, stage, results, wanted, kcat, jq))
        for _ in range(runs):
            played.play(base)
        return results

    jq = None if arguments.without_peer else shutil.which("jq")
    before = machine.load()

    def tell(results: Results, long: Results | None) -> None:
        notes = [
            f"{results.events:,} events, median of {arguments.runs}; `{command(arguments)}`",
            machine.machine(),
            machine.versions(kcat, jq),
            f"load: before {before}; after {machine.load()}",
        ]
        text = report.table(results, long, notes)
        say(text)
        save(arguments, results, long, text)

    try:
        results = rounds(arguments.events, arguments.runs, arguments.only)
        if arguments.profile:
            return 0
        tell(results, None)  # what comes next takes long, and may fail
        if arguments.long:
            tell(results, rounds(arguments.events * LONGER, 1, arguments.only.intersection(GROWING)))
    except (WrongResult, peers.PeerFailed) as error:
        say(f"WRONG: {error}")
        return 1
    return 0


def command(arguments: argparse.Namespace) -> str:
    """What somebody has to type to measure the same."""
    names = ",".join(name for name in WORKS if name in arguments.only)
    some = "" if arguments.only == set(WORKS) else f" --only {names}"
    more = " --long" if arguments.long else ""
    return f'make bench ARGS="--events {arguments.events} --runs {arguments.runs}{some}{more}"'


def save(arguments: argparse.Namespace, results: Results, long: Results | None, text: str) -> None:
    """Every run into the directory, the ratios where they were asked for, the table into the page."""
    kept = {"short": results.to_json(), "long": None if long is None else long.to_json()}
    write_private(arguments.dir / "logs" / "runs.json", f"{json.dumps(kept, indent=2)}\n")
    if arguments.json:
        write_private(arguments.json, f"{json.dumps(results.ratios(), indent=2)}\n")
    if arguments.write:
        report.write(text)


def main() -> int:
    """The command line. Returns the exit code."""
    end_with_parent_if_asked()
    os.environ.pop("PROMOTION_FAILPOINT", None)
    arguments = parse()
    with as_exceptions():
        return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
