"""`manage.py worker`: run a worker."""

from typing import Any

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from promotion.actions.lease import end_frozen_sessions


class Command(BaseCommand):
    """Runs jobs until it is stopped; start as many as there are cores."""

    help = "Run a worker: exports, replays, environment checks."

    def handle(self, *args: Any, **options: Any) -> None:
        """Work on the queues in their order, with the JSON serializer on either side.

        Parts of a job that somebody else has taken come last: a job that nobody has taken yet is not to wait for them.
        """
        end_frozen_sessions()
        worker = django_rq.get_worker(*settings.RQ_QUEUES, serializer="rq.serializers.JSONSerializer")
        connections.close_all()
        worker.work(logging_level="WARNING")
