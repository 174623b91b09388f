"""`python -m portal_admin.embedded`: the services in the foreground, for developers; what the tests need."""

import argparse
import sys
from pathlib import Path

from portal_admin.embedded import children, downloads, secrets
from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.interruption import Interrupted, as_exceptions, end_with_parent_if_asked
from portal_admin.embedded.stack import Stack
from portal_admin.embedded.terminal import say


def up(directory: Path, json_file: Path | None, clusters: list[str]) -> int:
    """Run the services until a signal or a death ends them. Returns the exit code."""
    stack = Stack(directory)
    written: Path | None = None
    try:
        addresses = stack.start(clusters)
        if json_file:
            written = json_file
            secrets.write_private(json_file, addresses.to_json())
        say(addresses.to_json())
        say(f"Running. Logs are in {stack.directory / 'logs'}. Ctrl-C stops everything.")
        children.watch(lambda: stack.children)
    except Interrupted as interruption:
        say(f"Stopping ({interruption}).")
        return 0
    except EmbeddedError as error:
        say(f"{error.message}\n{error.hint}")
        return 1
    finally:
        if written:  # by this process: those of another one, whose directory this is, stay
            written.unlink(missing_ok=True)
        stack.stop()


def fetch() -> int:
    """Have what the tests start, before they do: here Ctrl-C ends a download. Returns the exit code."""
    from portal_admin.embedded.browser import find_or_install_browser  # its library is in the group `test`

    try:
        downloads.provide("kafka")
        downloads.provide("registry")
        say(f"Browser: {find_or_install_browser()}")
    except EmbeddedError as error:
        say(str(error))
        return 1
    return 0


def main() -> int:
    """The command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m portal_admin.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("fetch", help="have what the tests need: Kafka, the registry, a browser")
    services = commands.add_parser("up", help="start PostgreSQL, Valkey, Kafka and schema registries, and wait")
    services.add_argument("--dir", type=Path, default=Path(".local/services"), help="for data and logs (%(default)s)")
    services.add_argument("--json", type=Path, help="write the addresses, passwords included, to this file")
    services.add_argument("--clusters", default="dev,sit", help="names of the Kafka clusters (%(default)s)")
    arguments = parser.parse_args()
    if arguments.command == "fetch":
        return fetch()
    end_with_parent_if_asked()
    with as_exceptions():
        return up(arguments.dir, arguments.json, [name for name in arguments.clusters.split(",") if name])


if __name__ == "__main__":
    sys.exit(main())
