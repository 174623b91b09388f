"""`python -m portal_admin.embedded up --dir DIR --json FILE`: the services in the foreground, for developers."""

import argparse
import sys
from pathlib import Path

from portal_admin.embedded import children, secrets
from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.interruption import Interrupted, as_exceptions
from portal_admin.embedded.stack import Stack


def up(directory: Path, json_file: Path | None, clusters: list[str]) -> int:
    """Run the services until a signal or a death ends them. Returns the exit code."""
    stack = Stack(directory)
    try:
        addresses = stack.start(clusters)
        if json_file:
            secrets.write_private(json_file, addresses.to_json())
        print(addresses.to_json(), flush=True)
        print(f"Running. Logs are in {stack.directory / 'logs'}. Ctrl-C stops everything.", file=sys.stderr, flush=True)
        children.watch(lambda: stack.children)
    except Interrupted as interruption:
        print(f"Stopping ({interruption}).", file=sys.stderr)
        return 0
    except EmbeddedError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    finally:
        stack.stop()
        if json_file:
            json_file.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m portal_admin.embedded", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("up", help="start PostgreSQL, Valkey, Kafka and schema registries, and wait")
    command.add_argument("--dir", type=Path, default=Path(".local/services"), help="where data and logs are kept (%(default)s)")
    command.add_argument("--json", type=Path, help="write the addresses, passwords included, to this file")
    command.add_argument("--clusters", default="dev,sit", help="names of the Kafka clusters (%(default)s)")
    arguments = parser.parse_args()
    with as_exceptions():
        return up(arguments.dir, arguments.json, [name for name in arguments.clusters.split(",") if name])


if __name__ == "__main__":
    sys.exit(main())
