"""`manage.py demo`: the whole console on this machine, with real services of its own."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Start the console with PostgreSQL, Valkey, two Kafka clusters and their schema registries, on loopback only."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, help="of the web server; by default 8000, or a free one where that is taken")
        parser.add_argument("--dir", type=Path, default=Path(".local/demo"), help="where data, logs and secrets are kept")
        parser.add_argument("--ready-file", type=Path, help="written as JSON when all is up: see docs/automation.md")
        parser.add_argument("--empty", action="store_true", help="seed no events")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from portal_admin.embedded.supervisor import Demo
        except ImportError as error:
            raise CommandError(f"The demo needs the dependency group 'embedded' ({error}). `make demo` installs it.") from error
        demo = Demo(options["dir"], options["port"], options["ready_file"], options["empty"])
        sys.exit(demo.run())
