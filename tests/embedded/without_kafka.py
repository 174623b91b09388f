"""Runs the demo's supervisor with everything real but Kafka, the registries and what needs them.

`python -m tests.embedded.without_kafka DIR READY_FILE`, or in the place of `manage.py` with one of its commands.
"""

import json
import os
import sys
from pathlib import Path

from portal_admin.embedded.supervisor import MANAGE, Demo

ACCOUNT = {"username": "maria", "password": "a generated one"}


def main() -> None:
    match sys.argv[1:]:
        case ["event_types", "load"]:
            pass
        case ["demo_seed", *options]:
            document = {
                "accounts": {"manager": ACCOUNT},
                "environments": json.loads(os.environ["PROMOTION_DEMO_CLUSTERS"]),
                "seeded": seed_once(Path(options[-1].removeprefix("--dir="))),
            }
            sys.stdout.write(json.dumps(document))
        case [directory, ready_file] if directory.startswith("/"):
            itself = (sys.executable, "-m", "tests.embedded.without_kafka")
            sys.exit(Demo(Path(directory), ready_file=Path(ready_file), manage=itself, clusters=()).run())
        case arguments:
            os.execv(MANAGE[0], [*MANAGE, *arguments])


def seed_once(directory: Path) -> int:
    """How many records a seed of this directory would produce: the first one thousands, later ones none."""
    done = directory / "seeded"
    first = not done.exists()
    done.touch()
    return 4321 if first else 0


if __name__ == "__main__":
    main()
