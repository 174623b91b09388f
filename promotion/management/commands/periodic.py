"""`manage.py periodic`: run what is periodic, in one process for the installation."""

from typing import Any

from django.core.management.base import BaseCommand

from promotion import periodic
from promotion.actions.lease import end_frozen_sessions


class Command(BaseCommand):
    """Finds dead workers' jobs and lost jobs, every few seconds, until it is stopped."""

    help = "Run the periodic work (RQ's cron)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or Ctrl-C."""
        end_frozen_sessions()
        periodic.scheduler().start()  # type: ignore[no-untyped-call]
