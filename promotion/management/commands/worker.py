"""`manage.py worker`: run a worker."""

from typing import Any

import django_rq
from django.core.management.base import BaseCommand
from django.db import connections

from promotion.actions.lease import end_frozen_sessions


class Command(BaseCommand):
    """Runs jobs until it is stopped; start as many as there are cores."""

    help = "Run a worker: exports, replays, environment checks."

    def handle(self, *args: Any, **options: Any) -> None:
        """Work on both queues, the quick one first, with the JSON serializer on either side."""
        end_frozen_sessions()
        worker = django_rq.get_worker("quick", "default", serializer="rq.serializers.JSONSerializer")
        connections.close_all()
        worker.work(logging_level="WARNING")
