"""The progress strip: how far a job is, as it stands in the database, so that it survives a reload."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from hashlib import blake2b
from typing import Any

from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone

from promotion.domain import pace
from promotion.models import ExportCount, JobPart, PromotionJob
from promotion.states import Disposition, JobKind, JobState

#: A worker that is free takes a job at once; after this long the page says why it may wait.
BUSY_SECONDS = 10
#: So many partitions have a bar; the table has all that are known.
MOST_BARS = 16
#: What a job counts, where that is not events.
UNITS: dict[str, str] = {
    JobKind.EXPORT: "records",
    JobKind.REFRESH: "records",
    JobKind.AMEND: "records",
    JobKind.IMPORT: "bytes",
    JobKind.UPLOAD: "bytes",
}
#: Kinds that put aside what they cannot read.
QUARANTINING = {JobKind.EXPORT, JobKind.REFRESH, JobKind.IMPORT}
#: Kinds that several workers may do.
SHARED = {JobKind.EXPORT, JobKind.REFRESH, JobKind.VERIFY}
#: Screen readers hear of these alone.
MILESTONES = 25


@dataclass(frozen=True, slots=True)
class Part:
    """One partition. `settled` is how much of it is committed, None where nothing has to be."""

    partition: int
    start: int
    now: int
    end: int
    settled: int | None = None

    @property
    def done(self) -> int:
        """How much of it is behind the job."""
        return self.now - self.start

    @property
    def underway(self) -> int:
        """How much of it is not committed yet."""
        return self.now - (self.settled or 0)

    @property
    def total(self) -> int:
        """How much there is."""
        return self.end - self.start

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        return min(100, self.done * 100 // self.total) if self.total > 0 else 100


@dataclass(frozen=True, slots=True)
class Strip:
    """What `components/job_progress.html` shows of a job that is queued or running.

    `shape` changes where more than numbers do: the page then asks for everything anew. `seen` changes with the numbers.
    """

    job: PromotionJob
    label: str
    total: int | None
    unit: str
    facts: tuple[str, ...]
    parts: tuple[Part, ...]
    elapsed: int | None
    title: str
    announce: str

    @property
    def bars(self) -> tuple[Part, ...]:
        """The partitions that have a bar."""
        return self.parts[:MOST_BARS]

    @property
    def more(self) -> int:
        """How many partitions have none."""
        return len(self.parts) - len(self.bars)

    @property
    def replays(self) -> bool:
        """Whether it is about steps to be committed, and not about offsets to be read."""
        return self.job.kind == JobKind.REPLAY

    @property
    def shape(self) -> str:
        """What of it is more than numbers."""
        job = self.job
        return f"{job.state}.{job.attempts}.{int(job.cancel_requested_by_id is not None)}.{int(bool(self.parts))}"

    @property
    def seen(self) -> str:
        """A digest of all that is shown, but for the time that has passed: the browser counts that by itself."""
        shown = (self.label, self.job.done, self.total, self.facts, [astuple(part) for part in self.parts], self.title)
        return blake2b(repr(shown).encode(), digest_size=8).hexdigest()

    @property
    def url(self) -> str:
        """Where the next numbers come from."""
        at = reverse("promotion:strip", args=[self.job.promotion_id])
        return f"{at}?job={self.job.pk}&shape={self.shape}&seen={self.seen}"


def strip_of(job: PromotionJob) -> Strip:
    """Return what is shown of `job`, which is about a promotion and is queued or running."""
    running = job.state == JobState.RUNNING
    total = job.total if running else None
    label = job.phase or "Starting" if running else "Waiting for a worker"
    parts = tuple(_parts(job)) if running else ()
    unit = "records" if parts and job.kind != JobKind.REPLAY else UNITS.get(job.kind, "events")
    return Strip(
        job=job,
        label=label,
        total=total,
        unit=unit,
        facts=tuple(_facts(job, unit, total)),
        parts=parts,
        elapsed=int((timezone.now() - job.started_at).total_seconds()) if job.started_at else None,
        title=_title(job, running),
        announce=_announce(job, running),
    )


def part_list(positions: dict[str, Any], *, replay: bool = False) -> Iterator[Part]:
    """Yield the partitions that `PromotionJob.positions` knows; of a replay they are numbers of steps."""
    for partition, (first, now, end) in sorted(positions.items(), key=lambda item: int(item[0])):
        yield Part(int(partition), 0, now, end, first) if replay else Part(int(partition), first, now, end)


def _parts(job: PromotionJob) -> Iterator[Part]:
    return part_list(job.positions, replay=job.kind == JobKind.REPLAY)


def _facts(job: PromotionJob, unit: str, total: int | None) -> Iterator[str]:
    if job.state == JobState.QUEUED:
        waits = (timezone.now() - job.queued_at).total_seconds()
        if waits > BUSY_SECONDS:
            yield "All workers are busy, or none runs."
    else:
        yield from _speed(job, unit, total)
        if job.octets and unit != "bytes":
            yield filesizeformat(job.octets)
        if job.kind in QUARANTINING and (number := _quarantined(job)):
            yield f"{number:,} in quarantine so far"
        if job.kind in SHARED and (workers := JobPart.objects.filter(job=job.pk).workers()) > 1:
            yield f"{workers:,} workers"
    if job.attempts > 1:
        yield f"a worker died, attempt {job.attempts:,}"


def _speed(job: PromotionJob, unit: str, total: int | None) -> Iterator[str]:
    now = time.time_ns() // 1_000_000
    if (silent := pace.silent_for(job.pace, now)) is not None:
        yield f"nothing new for {silent - silent % 10:,} s"
        return
    speed = pace.rate(job.pace, now)
    if speed is not None:
        yield f"{filesizeformat(speed)}/s" if unit == "bytes" else f"{speed:,.0f} {unit}/s"
    left = pace.remaining(job.pace, now, job.done, total)
    if left is not None:
        yield f"{pace.about(left)} left"


def _quarantined(job: PromotionJob) -> int:
    counts = ExportCount.objects.filter(partition__export=job.promotion_id, disposition=Disposition.QUARANTINED)
    return counts.aggregate(n=Sum("count"))["n"] or 0


def _title(job: PromotionJob, running: bool) -> str:
    far = "Waiting" if not running else f"{job.percent} %" if job.percent is not None else "Running"
    return f"{far} · {job.get_kind_display()} · {job.promotion} · Promotion Console"


def _announce(job: PromotionJob, running: bool) -> str:
    """What a screen reader hears: that it waits, that it runs, and three milestones on the way."""
    name = job.get_kind_display()
    if not running:
        return f"{name}: waiting for a worker"
    passed = (job.percent or 0) // MILESTONES * MILESTONES
    return f"{name}: {passed} %" if 0 < passed < 100 else f"{name} runs"
