"""The one process that does periodic work: RQ's cron scheduler, whose jobs run in this very process.

RQ's own cron enqueues for a worker, pickled. A sweep in the queue would wait behind the exports whose dead workers it
has to find, and our workers read JSON only: docs/decisions/0005-jobs-and-leases.md.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import close_old_connections
from django_rq.cron import DjangoCronScheduler
from rq.cron import CronJob
from rq.utils import now

from promotion import jobs

logger = logging.getLogger(__name__)


class Periodic(DjangoCronScheduler):
    """Runs what is due; a failure is logged and tried again at its next time."""

    def enqueue_jobs(self) -> list[CronJob]:
        """Run the jobs that are due and return them."""
        due = [job for job in self.get_jobs() if job.should_run()]
        for job in due:
            _run(job)
            job.set_enqueue_time(now())
        return due


def _run(job: CronJob) -> None:
    close_old_connections()
    try:
        if job.func is not None:
            job.func()
    except Exception as error:  # a database or a queue that restarts must not end the process
        logger.warning("periodic %s: %s, tried again in time", job.func_name, type(error).__name__)


def scheduler() -> Periodic:
    """Return the scheduler with everything that is periodic."""
    periodic = Periodic(logging_level=logging.WARNING)
    periodic.register(jobs.run_sweep, queue_name="quick", interval=settings.SWEEP_SECONDS)
    return periodic
