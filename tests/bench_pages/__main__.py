"""`python -m tests.bench_pages`, or `make bench-pages`: how long every page takes with a promotion of a million events.

The promotion is made once; the same command again only measures. Times fail nothing, this is no test; a page that does
not answer 200 does.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.interruption import Interrupted, as_exceptions, end_with_parent_if_asked
from portal_admin.embedded.terminal import say
from tests.bench_pages.ground import Ground


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_pages", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the large promotion (%(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="how often each page is asked for (%(default)s)")
    parser.add_argument("--json", type=Path, help="write what was measured to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file (docs/benchmarks-pages.md)")
    parser.add_argument("--dir", type=Path, default=Path(".local/bench-pages"), help="for data and logs (%(default)s)")
    parser.add_argument("--only", default="", help="only pages whose name has this in it")
    parser.add_argument("--reset", action="store_true", help="make the promotion anew")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> int:
    """Make what is missing, measure, print. Returns the exit code."""
    if arguments.reset:
        shutil.rmtree(arguments.dir, ignore_errors=True)
    ground = Ground(arguments.dir)
    try:
        ground.start()
        return _measure(ground, arguments)
    except Interrupted as interruption:
        say(f"Stopped ({interruption}).")
        return 130
    except EmbeddedError as error:
        say(f"{error.message}\n{error.hint}")
        return 1
    finally:
        ground.stop()


def _measure(ground: Ground, arguments: argparse.Namespace) -> int:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    from promotion.actions import search_index
    from tests import cast
    from tests.bench_pages import fill, measure, pages, report

    promotion = fill.filled(arguments.events)
    if promotion is None:
        say(f"Making a promotion of {arguments.events:,} events ...")
        promotion = fill.fill(arguments.events)
    say("Making the search index, if it is not there ...")
    fill.timed("there", search_index.keep)
    ground.start_web()
    visitor = measure.Visitor(ground.url)
    visitor.log_in("admin", cast.PASSWORD)
    wanted = [each for each in pages.pages(promotion) if arguments.only in each.name]
    seen = measure.measure(visitor, wanted, arguments.rounds)
    say(report.table(seen))
    say(report.summary(seen, arguments.events))
    if arguments.json:
        arguments.json.write_text(report.document(seen, arguments.events) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(report.page(seen, arguments.events))
    return 0 if all(each.right for each in seen) else 1


def main() -> int:
    """The command line. Returns the exit code."""
    end_with_parent_if_asked()
    arguments = parse()
    with as_exceptions():
        return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
