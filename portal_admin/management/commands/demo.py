"""`manage.py demo`: the whole console on this machine, with real services of its own."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Starts the supervisor and ends with its exit code."""

    help = "Start the console with PostgreSQL, Valkey, two Kafka clusters and their registries, on loopback only."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what `make demo ARGS=...` may say."""
        parser.add_argument("--port", type=int, help="of the web server; without it 8000, or a free one")
        parser.add_argument("--dir", type=Path, default=Path(".local/demo"), help="for data, logs and secrets")
        parser.add_argument("--ready-file", type=Path, help="written as JSON when all is up: see docs/automation.md")
        parser.add_argument("--empty", action="store_true", help="seed no events")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal or the death of a process."""
        try:
            from portal_admin.embedded.supervisor import Demo
        except ImportError as error:
            raise CommandError(f"The dependency group 'embedded' is missing ({error}): use `make demo`.") from error
        demo = Demo(options["dir"], options["port"], options["ready_file"], options["empty"])
        sys.exit(demo.run())
