"""A worker that freezes while it holds its job's row: its successor does not wait for it."""

import os
import signal
import time

import pytest
from django.db import connection, connections

from promotion.actions.lease import Lease, claim, end_frozen_sessions
from promotion.actions.request import request_job
from promotion.models import PromotionJob
from promotion.states import JobKind
from tests import cast
from tests.jobs.conftest import LEASE_SECONDS
from tests.jobs.processes import until

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def bounded(settings, monkeypatch):
    """Sessions of processes that are forked from here are bounded as those of workers are."""
    settings.LEASE_SECONDS = LEASE_SECONDS
    before = connections.settings["default"].get("OPTIONS", {})
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", dict(before))
    connections.close_all()
    end_frozen_sessions()


def freeze_inside_a_write(job: PromotionJob) -> int:
    """A process that claims `job` and stops itself while it holds the row; return its id."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            lease = Lease(job, claim(job.pk))
            with lease.writing():
                os.kill(os.getpid(), signal.SIGSTOP)
        finally:
            os._exit(0)
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    return pid


def test_a_frozen_worker_does_not_keep_its_job_from_whoever_takes_over(bounded) -> None:
    promotion = cast.promotion()
    job = request_job(promotion.owner, promotion, JobKind.EXPORT)
    pid = freeze_inside_a_write(job)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '30s'")
        until(lambda: PromotionJob.objects.abandoned().filter(pk=job.pk).exists(), what="the end of the lease")
        began = time.monotonic()
        assert claim(job.pk) is not None
        assert time.monotonic() - began < 3 * LEASE_SECONDS + 5
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        connections.close_all()
