"""The one process that does periodic work: RQ's cron scheduler, whose jobs run in this very process.

RQ's own cron enqueues for a worker, pickled. A sweep in the queue would wait behind the exports whose dead workers it
has to find, and our workers read JSON only: docs/decisions/0005-jobs-and-leases.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import close_old_connections, connection
from django_rq.cron import DjangoCronScheduler
from rq.cron import CronJob
from rq.utils import now

from promotion import jobs
from promotion.actions import drift, search_index, send_notices, survey

logger = logging.getLogger(__name__)

#: What may take long, and its interval in seconds: each has a thread of its own, so that no sweep waits for it.
BESIDE: list[tuple[Callable[[], None], int]] = [
    (survey.survey_all, settings.SURVEY_SECONDS),
    (drift.drift_all, settings.SURVEY_SECONDS),
    (send_notices.send_due, send_notices.INTERVAL),
    (search_index.keep, search_index.INTERVAL),
]


class Periodic(DjangoCronScheduler):
    """Runs what is due; a failure is logged and tried again at its next time."""

    def __init__(self, logging_level: int = logging.WARNING) -> None:
        super().__init__(logging_level=logging_level)
        self._threads: dict[str, threading.Thread] = {}
        self._beside: set[str] = set()

    def beside(self, work: Callable[[], None], interval: int) -> None:
        """Let `work` run every `interval` seconds in a thread of its own, never twice at once."""
        self._beside.add(self.register(work, queue_name="quick", interval=interval).func_name)

    def enqueue_jobs(self) -> list[CronJob]:
        """Run the jobs that are due and return them."""
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            if job.func_name in self._beside:
                self._start(job)
            else:
                _run(job)
            job.set_enqueue_time(now())
        return due

    def _start(self, job: CronJob) -> None:
        before = self._threads.get(job.func_name)
        if before is None or not before.is_alive():
            self._threads[job.func_name] = threading.Thread(target=_run_apart, args=[job], name=job.name, daemon=True)
            self._threads[job.func_name].start()


def _run_apart(job: CronJob) -> None:
    try:
        _run(job)
    finally:
        connection.close()


def _run(job: CronJob) -> None:
    close_old_connections()
    try:
        if job.func is not None:
            job.func()
    except Exception as error:  # a database or a queue that restarts must not end the process
        logger.warning("periodic %s: %s, tried again in time", job.func_name, type(error).__name__)


def scheduler() -> Periodic:
    """Return the scheduler with everything that is periodic."""
    periodic = Periodic()
    periodic.register(jobs.run_sweep, queue_name="quick", interval=settings.SWEEP_SECONDS)
    for work, interval in BESIDE:
        periodic.beside(work, interval)
    return periodic
