"""What a job says of how far it is: cheap to write, and right after a crash and a take-over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from promotion.actions.lease import Lease, claim
from promotion.actions.request import request_job
from promotion.models import PromotionJob
from promotion.states import JobKind
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _long_lease(settings: Any) -> None:
    settings.LEASE_SECONDS = 3600


def held(job: PromotionJob) -> Lease:
    token = claim(job.pk)
    assert token is not None
    job.refresh_from_db()
    return Lease(job, token)


def asked() -> PromotionJob:
    promotion = cast.promotion()
    return request_job(promotion.owner, promotion, JobKind.EXPORT)


def stored(job: PromotionJob) -> tuple[int, int | None, int, dict[str, list[int]]]:
    job.refresh_from_db()
    return job.done, job.total, job.octets, job.positions


def test_progress_is_one_statement_however_much_it_tells() -> None:
    lease = held(asked())
    with CaptureQueriesContext(connection) as queries:
        lease.progress(0, 100, "Reading", octets=0, positions={0: [0, 0, 60], 1: [5, 5, 45]})
        lease.progress(10, octets=99, positions={0: [0, 10, 60], 1: [5, 5, 45]})
    assert len(queries) == 2


def test_progress_within_a_second_writes_neither_pace_nor_positions() -> None:
    lease = held(asked())
    lease.progress(0, 100, "Reading", positions={0: [0, 0, 100]})
    with CaptureQueriesContext(connection) as queries:
        lease.progress(10, octets=99, positions={0: [0, 10, 100]})
    assert '"pace"' not in queries[0]["sql"]
    assert stored(lease.job) == (10, 100, 99, {"0": [0, 0, 100]})
    lease.progress(100, octets=999, positions={0: [0, 100, 100]})  # its end is always told
    assert stored(lease.job) == (100, 100, 999, {"0": [0, 100, 100]})
    assert [done for _, done in lease.job.pace] == [0, 100]


def test_another_phase_begins_with_a_pace_and_positions_of_its_own() -> None:
    lease = held(asked())
    lease.progress(0, 100, "Reading", octets=0, positions={0: [0, 0, 100]})
    lease.progress(100, octets=999, positions={0: [0, 100, 100]})
    lease.progress(0, phase="Looking at the rules")
    assert stored(lease.job) == (0, None, 0, {})
    lease.progress(0, 7, "Judging")
    assert stored(lease.job) == (0, 7, 0, {})
    assert [done for _, done in lease.job.pace] == [0]


def test_a_phase_that_counts_on_keeps_its_pace() -> None:
    """A replay goes to and fro between producing and committing."""
    lease = held(asked())
    lease.progress(0, 100, "Replaying", positions={0: [0, 0, 100]})
    lease.progress(50, phase="Committing")
    lease.progress(50, 100, "Replaying", octets=500, positions={0: [50, 50, 100]})
    lease.progress(100, octets=1_000, positions={0: [50, 100, 100]})
    assert stored(lease.job) == (100, 100, 1_000, {"0": [50, 100, 100]})
    assert lease.job.pace[0][1] == 0


def test_a_new_attempt_restarts_the_pace() -> None:
    lease = held(asked())
    lease.progress(0, 100, "Reading", octets=0, positions={0: [0, 0, 100]})
    lease.progress(100, octets=70, positions={0: [0, 100, 100]})
    PromotionJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    again = held(lease.job)
    assert again.job.pace == []
    again.progress(40, 100, "Reading", octets=30, positions={0: [0, 40, 100]})
    assert stored(again.job) == (40, 100, 30, {"0": [0, 40, 100]})
    assert [done for _, done in again.job.pace] == [40]
    lease.progress(99)  # who lost the lease says nothing any more
    assert stored(again.job)[0] == 40


def test_very_many_partitions_do_not_make_the_row_large() -> None:
    lease = held(asked())
    lease.progress(0, 10, "Reading", positions={p: [0, 0, 1] for p in range(5_000)})
    assert len(stored(lease.job)[3]) == 1_000


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_was_noted_inside_a_transaction_is_not_written_over_what_came_after_it(settings: Any) -> None:
    from tests.jobs.processes import until

    settings.LEASE_SECONDS = 1
    with held(asked()) as lease:
        lease.progress(0, 1_000, "Judging")
        lease.note(900, 70)
        until(lambda: stored(lease.job)[0] == 900 and lease.job.pace[-1][1] == 900, 10, "the lease's thread")
        assert lease.job.octets == 70
        lease.progress(3, 50, "Replaying")
        renewed = lease.job.lease_until
        until(lambda: stored(lease.job) and lease.job.lease_until != renewed, 10, "one more renewal")
        assert lease.job.done == 3
