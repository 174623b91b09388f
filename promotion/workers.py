"""The worker: RQ's, which runs only our functions, dies with its parent, and reports a killed child at once."""

from __future__ import annotations

import logging
from typing import Any

from django.db import connections
from rq import Worker
from rq.job import Job
from rq.queue import Queue

from portal_admin.embedded.children import die_with_parent
from promotion import jobs

logger = logging.getLogger(__name__)


class UnknownFunction(Exception):
    """A job in the queue names a function that is not ours."""


class PromotionWorker(Worker):
    """RQ's worker with an allow-list: whoever can write to the queue cannot run `os.system` here."""

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        """Run the job if its function is one of ours; fail it otherwise."""
        if job.func_name not in jobs.ALLOWED:
            logger.error("refused a job that is not ours from queue %s", queue.name)
            raise UnknownFunction
        return bool(super().perform_job(job, queue, *args, **kwargs))

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork without an open database connection: two processes must not share one."""
        connections.close_all()
        super().fork_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """Make the child die with this worker, so that a killed worker leaves nothing running beside its successor."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        die_with_parent()

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: Any) -> None:
        """Start the job again at once: its lease would run out only in some seconds."""
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]
        if job.func_name == "promotion.jobs.run" and job.args:
            logger.warning("job %s: its worker process was killed", job.args[0])
            jobs.worker_died(str(job.args[0]))
            connections.close_all()
