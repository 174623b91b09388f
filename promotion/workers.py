"""The worker: RQ's, which runs only our functions, dies with its parent, and reports a killed child at once."""

from __future__ import annotations

import gc
import logging
import uuid
from typing import Any

from django.db import DatabaseError, connections
from rq import Worker
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.queue import Queue

from portal_admin.embedded.children import die_with_parent
from promotion import jobs
from promotion.errors import Unreachable

logger = logging.getLogger(__name__)

#: After how many new objects a job looks for cycles among them, and after how many such looks among older ones and the
#: oldest. A job makes millions of objects and hardly a cycle: with Python's own 700, 10 and 10 a verification and a
#: replay took about a quarter more of the processor's time than with 10,000, 20 and 20 (15.5 and 10.9 microseconds a
#: record, 13.6 and 10.5; single runs on a busy machine). With those the collector still was 5 % of a plan's samples.
COLLECT = 50_000, 20, 20


def collect_rarely() -> None:
    """Have Python look for cycles as COLLECT says, and never among what this process has loaded already."""
    gc.freeze()
    gc.set_threshold(*COLLECT)


class NotOurs(Exception):
    """An entry of the queue that is not one of ours."""


class PromotionWorker(Worker):
    """RQ's worker with an allow-list: whoever can write to the queue cannot run `os.system` here."""

    def perform_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> bool:
        """Run the job if it is a function of ours with an id and nothing else; fail it otherwise."""
        if job_id_of(job) is None:
            logger.error("refused an entry of queue %s that is not ours", queue.name)
            raise NotOurs
        return bool(super().perform_job(job, queue, *args, **kwargs))

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork without an open database connection: two processes must not share one."""
        connections.close_all()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run the job, in the child that was forked for it."""
        collect_rarely()
        super().main_work_horse(job, queue)

    def setup_work_horse_signals(self) -> None:
        """Make the child die with this worker, so that a killed worker leaves nothing running beside its successor."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]
        die_with_parent(parent=self.pid)

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: Any) -> None:
        """Start the job again at once: its lease would run out only in some seconds."""
        job_id = job_id_of(job)
        if job_id is None:
            return
        logger.warning("%s %s: its worker process was killed", job.func_name, job_id)
        try:
            # The entry's name ends with the number of attempts before this one (jobs.entry_name).
            jobs.KILLED[str(job.func_name)](str(job_id), int(job.id.rpartition("-")[2]) + 1)
        except (ValueError, DatabaseError, Unreachable) as error:
            logger.warning("job %s: left to the sweep: %s", job_id, type(error).__name__)
        finally:
            connections.close_all()


def job_id_of(job: Job) -> uuid.UUID | None:
    """Return the id of the job, or part of one, that an entry of the queue asks for; None where it asks for more.

    RQ would also call what an entry names as its call-backs, and send what it names as its web hooks.
    """
    try:
        extras = (job._success_callback_name, job._failure_callback_name, job._stopped_callback_name, job.webhooks)
        if job.func_name not in jobs.KILLED or job.instance or job.kwargs or len(job.args) != 1 or any(extras):
            return None
        return uuid.UUID(job.args[0])
    except (DeserializationError, ValueError, TypeError, AttributeError):
        return None
