"""Ways to run a replay: here, in a process that dies on the way, and by a second worker."""

import os
import signal

from django.db import connections

from promotion import jobs
from promotion.actions import sweep
from promotion.models import PromotionJob


def run_job(job: PromotionJob) -> PromotionJob:
    """Run the job in this process and return it as it ended."""
    jobs.run(str(job.pk))
    job.refresh_from_db()
    return job


class Worker:
    """A worker process of its own, forked as RQ forks, that runs `job` and dies or stops at `failpoint`."""

    def __init__(self, job: PromotionJob, failpoint: str) -> None:
        connections.close_all()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.environ["PROMOTION_FAILPOINT"] = failpoint
                jobs.run(str(job.pk))
                status = 0
            finally:
                os._exit(status)
        self._code: int | None = None

    def wait(self) -> int:
        """Return its exit code, or minus the signal that killed it."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def wait_until_stopped(self) -> None:
        """Wait for the failpoint's SIGSTOP."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"ended with status {status} before it stopped"

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it if it is still there."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


def take_over(job: PromotionJob) -> PromotionJob:
    """Run a job here whose worker has died."""
    expire(job)
    return run_job(job)


def expire(job: PromotionJob) -> None:
    """End the lease of a job whose worker is gone, or is to be taken for gone."""
    job.refresh_from_db()
    assert sweep.expire(str(job.pk), job.attempts)
