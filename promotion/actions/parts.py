"""A job that several workers do at once: it is divided into parts, and whoever is free takes one.

Nothing here says who works: the job's own worker takes whichever part nobody holds, and waits for others only when
none is left to take. So one worker alone does the job as ever, and one that joins or dies is no event:
docs/decisions/0029-parts-of-a-job.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings

from promotion.actions.lease import Lease
from promotion.actions.part_lease import PartLease, claim_own
from promotion.errors import LeaseLost
from promotion.models import JobPart, PromotionJob

#: Puts the free parts of a job into the queue, for workers that have nothing else to do.
Call = Callable[[PromotionJob], None]
#: What a worker does now and then while it does a part: it raises where the worker is to stop.
Beat = Callable[[], None]
#: Does one part, from where it is to its end, and finishes it.
Do = Callable[[PartLease, Beat], None]
#: How often it is looked whether others are done, and how often the sums that people look at are made anew.
LOOK_SECONDS = 0.1
TELL_SECONDS = 0.5
#: Others are called where what is left would take the job's own worker so long, at its pace: beginning costs a worker
#: some tenths of a second, and whoever waits for the last one may wait as long.
WORTH_SECONDS = 1.5
#: Where so much is to be read it takes longer than that, whatever becomes of it: nobody waits to see the pace. Reading
#: 500,000 records of which one in twenty is kept took one worker 1.8 s.
LONG_ANYWAY = 500_000


def nobody(job: PromotionJob) -> None:
    """Call no helpers."""


@dataclass(frozen=True, slots=True)
class Portion:
    """A part to be made: `what` it is about, and where it begins and ends, as `PromotionJob.positions` has it."""

    what: Any
    done: int
    total: int
    positions: dict[int, list[int]] = field(default_factory=dict)


def divide(lease: Lease, portions: Callable[[], Iterable[Portion]]) -> None:
    """Make the parts of the lease's job unless an earlier attempt has; the first one is the job's own worker's.

    What an earlier attempt's worker held is free at once. Raises LeaseLost.
    """
    mine = JobPart.objects.filter(job=lease.job.pk)
    if mine.exists():
        mine.filter(own=True).hand_over()
        return
    made = [
        JobPart(
            job_id=lease.job.pk,
            number=number,
            what=each.what,
            done=each.done,
            total=each.total,
            positions={str(partition): at for partition, at in each.positions.items()},
        )
        for number, each in enumerate(portions())
    ]
    with lease.writing():
        JobPart.objects.bulk_create(made)


def uncalled() -> list[JobPart]:
    """Return the parts that somebody could help with and that nobody has taken for a while: the queue may be lost."""
    return list(JobPart.objects.to_help_with(timedelta(seconds=settings.SWEEP_SECONDS)).order_by("job_id", "number"))


class Together:
    """The job's own worker at its parts; it alone writes into the job's row, also what the others have done."""

    def __init__(self, lease: Lease, phase: str, call: Call) -> None:
        self._lease, self._phase, self._call = lease, phase, call
        self._told = self._began = time.monotonic()
        self._from = 0
        self._called = False

    def work(self, do: Callable[[PartLease], None]) -> None:
        """Return when all parts are done. `do` does one and finishes it, and calls `tell` now and then.

        Raises what `do` raises and what `Lease.check` raises. A part that somebody takes over is his.
        """
        done, total, octets, positions = self._sums()
        self._lease.progress(done, total, self._phase, octets=octets, positions=positions)
        self._began, self._from = time.monotonic(), done
        if total - done >= LONG_ANYWAY:
            self._call_others()
        while (part := self._next()) is not None:
            try:
                with part:
                    do(part)
            except LeaseLost:
                self._lease.check()
        self.tell(always=True)

    def tell(self, *, always: bool = False) -> None:
        """Write the sums over all parts into the job's row, at most twice a second, and call others if it is long.

        Raises like `Lease.check`.
        """
        self._lease.check()
        if always or time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            done, total, octets, positions = self._sums()
            self._lease.progress(done, octets=octets, positions=positions)
            if not self._called and self._lasts(done, total):
                self._call_others()

    def _call_others(self) -> None:
        self._called = True
        self._call(self._lease.job)

    def _lasts(self, done: int, total: int) -> bool:
        """Whether what is left takes long enough to call others, at the pace since this worker began."""
        gained, took = done - self._from, time.monotonic() - self._began
        return gained > 0 and (total - done) * took > gained * WORTH_SECONDS

    def _sums(self) -> tuple[int, int, int, dict[int, list[int]]]:
        """How much is done, how much there is, how many bytes, and the positions by partition."""
        done = total = octets = 0
        positions: dict[int, list[int]] = {}
        rows = JobPart.objects.filter(job=self._lease.job.pk).values_list("done", "total", "octets", "positions")
        for part_done, part_total, part_octets, at in rows:
            done, total, octets = done + part_done, total + part_total, octets + part_octets
            positions |= {int(partition): span for partition, span in at.items()}
        return done, total, octets, dict(sorted(positions.items()))

    def _next(self) -> PartLease | None:
        """Take a part. Waits while others hold all that are left, and returns None when everything is done."""
        while True:
            self.tell()
            part = claim_own(self._lease)
            if part is not None or not JobPart.objects.open().filter(job=self._lease.job.pk).exists():
                return part
            time.sleep(LOOK_SECONDS)
