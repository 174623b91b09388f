"""The progress strip: what the database knows of a job, and what a poll of it answers."""

from __future__ import annotations

import re
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from promotion.models import ExportCount, JobPart, Promotion, PromotionJob
from promotion.states import Disposition, JobKind, JobState, PromotionState
from promotion.views.job_strip import strip_of
from tests import cast

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def running(kind: JobKind = JobKind.EXPORT, promotion: Promotion | None = None, **fields: Any) -> PromotionJob:
    promotion = promotion or cast.promotion(state=PromotionState.EXPORTING)
    values: dict[str, Any] = {
        "state": JobState.RUNNING,
        "lease_token": "6f1f6ad1-c001-4be0-8d0a-0197f2d135c8",
        "lease_until": timezone.now() + timedelta(hours=1),
        "started_at": timezone.now() - timedelta(seconds=200),
        "attempts": 1,
        "phase": "Reading",
        "done": 4_200,
        "total": 10_000,
    } | fields  # fmt: skip
    return PromotionJob.objects.create(kind=kind, promotion=promotion, requested_by=cast.user("manager"), **values)


def steady(a_second: int, done: int) -> list[list[int]]:
    now = time.time_ns() // 1_000_000
    return [[now - n * 1_000, done - n * a_second] for n in range(10, -1, -1)]


def as_role(role: str = "manager") -> Client:
    client = Client()
    client.force_login(cast.user(role))
    return client


def poll(client: Client, job: PromotionJob, url: str = "") -> Any:
    return client.get(url or strip_of(job).url, headers=HTMX)


def test_it_says_phase_share_rate_bytes_what_is_left_and_what_is_quarantined() -> None:
    promotion = cast.exported()
    ExportCount.objects.create(
        partition=promotion.export.partitions.get(), disposition=Disposition.QUARANTINED, count=3
    )
    job = running(promotion=promotion, octets=5 * 1024 * 1024, pace=steady(100, 4_200))
    strip = strip_of(job)
    assert (strip.label, strip.unit, strip.total) == ("Reading", "records", 10_000)
    facts = [fact.replace("\xa0", " ") for fact in strip.facts]
    assert facts == ["100 records/s", "about 1 min left", "5.0 MB", "3 in quarantine so far"]
    page = as_role("viewer").get(promotion.get_absolute_url()).content.decode()
    assert "4,200 of 10,000 records (42 %)" in page
    assert f'data-page-title="42 % · Export · {promotion} · Promotion Console"' in page
    assert 'data-elapsed="20' in page


def test_nothing_is_promised_where_nothing_is_known() -> None:
    assert strip_of(running(pace=[])).facts == ()
    old = [[at - 60_000, done] for at, done in steady(100, 4_200)]
    PromotionJob.objects.all().delete()
    assert strip_of(running(promotion=Promotion.objects.get(), pace=old)).facts == ("nothing new for 60 s",)


def test_it_says_how_many_workers_are_at_it_where_there_are_several() -> None:
    job = running()
    now = timezone.now()

    def part(number: int, until: timedelta = timedelta(hours=1), **fields: Any) -> None:
        values = {"lease_token": uuid.uuid4(), "lease_until": now + until} | fields
        JobPart.objects.create(job=job, number=number, what=[], **values)

    part(0)
    part(1, finished=True)
    part(2, until=timedelta(seconds=-1))
    part(3, lease_token=None)
    assert not [fact for fact in strip_of(job).facts if "workers" in fact]
    part(4)
    assert "2 workers" in strip_of(job).facts


def test_a_second_attempt_says_that_a_worker_died() -> None:
    assert strip_of(running(attempts=2)).facts[-1] == "a worker died, attempt 2"


def test_partitions_have_bars_and_a_table_with_the_exact_positions() -> None:
    job = running(positions={str(p): [100, 100 + p * 10, 300] for p in range(20)})
    strip = strip_of(job)
    assert [part.partition for part in strip.parts] == list(range(20))
    assert (len(strip.bars), strip.more, strip.parts[10].percent) == (16, 4, 50)
    page = as_role("viewer").get(job.promotion.get_absolute_url()).content.decode()
    assert page.count('aria-label="Partition ') == 16
    assert "and 4 more in the table" in page
    table = page.split('<caption class="visually-hidden">Progress by partition')[1].split("</table>")[0]
    assert table.count("<tr>") == 21


def test_a_replay_tells_committed_from_what_is_on_its_way() -> None:
    job = running(JobKind.REPLAY, positions={"0": [500, 700, 1_000], "1": [0, 0, 0]})
    [first, empty] = strip_of(job).parts
    assert (first.settled, first.underway, first.end, first.percent, empty.percent) == (500, 200, 1_000, 70, 100)
    page = as_role("viewer").get(job.promotion.get_absolute_url()).content.decode()
    assert "On their way" in page


def test_a_poll_that_would_show_the_same_is_answered_with_nothing() -> None:
    job, client = running(positions={"0": [0, 1, 2]}), as_role("viewer")
    same = poll(client, job)
    assert (same.status_code, same.content) == (204, b"")
    assert "HX-Trigger" not in same
    url = strip_of(job).url
    PromotionJob.objects.update(done=5_000, positions={"0": [0, 2, 2]})
    answer = poll(client, job, url)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "5,000 of 10,000" in text
    assert f'id="job-{job.pk}-table" hx-swap-oob="true"' in text
    assert "<details" not in text
    assert "<button" not in text  # what can have the focus is never brought anew


@pytest.mark.parametrize(
    "change",
    [{"state": JobState.SUCCEEDED}, {"state": JobState.QUEUED}, {"attempts": 2}, {"positions": {"0": [0, 1, 2]}}],
)
def test_a_job_that_ended_or_looks_otherwise_has_the_page_ask_for_its_own_part(change: dict[str, Any]) -> None:
    job = running()
    url = strip_of(job).url
    PromotionJob.objects.update(**change)
    answer = poll(as_role("viewer"), job, url)
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, "job-moved")


@pytest.mark.parametrize(
    "query", ["", "?job=nonsense", "?job=6f1f6ad1-c001-4be0-8d0a-0197f2d135c8", "?job=%00&seen=%00"]
)
def test_a_poll_of_a_job_that_is_not_there_is_no_error(query: str) -> None:
    job = running()
    answer = poll(as_role("viewer"), job, reverse("promotion:strip", args=[job.promotion_id]) + query)
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (204, "job-moved")


def test_the_job_of_another_promotion_is_not_shown() -> None:
    job = running()
    other = cast.promotion("Other", source=job.promotion.source, target=job.promotion.target)
    answer = as_role("viewer").get(reverse("promotion:strip", args=[other.pk]) + f"?job={job.pk}", headers=HTMX)
    assert answer.status_code == 204


def test_only_milestones_are_read_out() -> None:
    job = running()
    heard = []
    for done in range(0, 10_001, 100):
        job.done = done
        said = strip_of(job).announce
        if not heard or heard[-1] != said:
            heard.append(said)
    assert heard == ["Export runs", "Export: 25 %", "Export: 50 %", "Export: 75 %", "Export runs"]


@pytest.mark.parametrize(
    ("kind", "state", "says"),
    [
        (JobKind.EXPORT, JobState.SUCCEEDED, "✓ Exported"),
        (JobKind.EXPORT, JobState.CANCELLED, "✗ Export cancelled"),
        (JobKind.REPLAY, JobState.FAILED, "✗ Replay failed"),
        (JobKind.REPLAY, JobState.SUCCEEDED, "✓ Replayed"),
        (JobKind.VERIFY, JobState.SUCCEEDED, "✓ Verified"),
        (JobKind.REWRITE, JobState.REFUSED, "✗ Applying of rules refused"),
    ],
)
def test_the_tab_says_how_a_job_that_was_watched_has_ended(kind: JobKind, state: JobState, says: str) -> None:
    job = running(kind, cast.exported())
    client, url = as_role("viewer"), reverse("promotion:progress", args=[job.promotion_id])
    PromotionJob.objects.update(state=state, lease_token=None, lease_until=None)
    part = client.get(url, headers=HTMX).content.decode()
    assert re.search(f'data-page-title="{says} · {job.promotion} · Promotion Console"', part)
    assert f'data-announce="{says[2:]}"' in part
    whole = client.get(job.promotion.get_absolute_url()).content.decode()
    assert "data-page-title" not in whole


def test_only_who_may_stop_it_sees_the_button() -> None:
    job = running()
    url = job.promotion.get_absolute_url()
    assert 'id="cancel"' in as_role("manager").get(url).content.decode()
    assert 'id="cancel"' not in as_role("viewer").get(url).content.decode()
    PromotionJob.objects.update(cancel_requested_by=cast.user("manager"))
    page = as_role("manager").get(url).content.decode()
    assert "Stopping, asked by manager" in page
    assert 'id="cancel"' not in page
