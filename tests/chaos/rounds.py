"""One round: a promotion is replayed under attack and judged, then the naive order is. Import it with Django set up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from promotion.models import Promotion, PromotionJob
from promotion.states import JobKind, JobState
from tests.chaos import naive, workload
from tests.chaos.ground import Ground
from tests.chaos.monkey import Monkey, ended, refreshed
from tests.chaos.totals import Totals
from tests.jobs.processes import until

MOST_RESTARTS = 15
NAIVE_EVENTS = 1_000
NAIVE_KILLS = 4


class Rounds:
    """Plays rounds; `totals` says what all of them have come to."""

    def __init__(self, ground: Ground, totals: Totals, save: Callable[[], None]) -> None:
        self._ground, self._totals, self._save = ground, totals, save
        self._dice = random.Random(f"{totals.seed} {totals.runs}")
        self._monkey = Monkey(ground, self._dice, totals, save)

    @property
    def complete(self) -> bool:
        """Whether nothing is under way and every kind of attack was tried."""
        return self._totals.under_way is None and not self._monkey.untried

    def play(self, events: int, kills: int) -> str:
        """Replay a new promotion of `events`, or the one that an earlier run left, with `kills` on the way; say how."""
        began, before = time.monotonic(), self._totals.kills
        promotion, batches = self._take_up() or self._begin(events)
        self._replay(promotion, batches, before + kills)
        verdict, misreported = workload.verdict(self._ground, promotion)
        self._totals.add(verdict)
        self._totals.misreported += misreported
        self._totals.transactions.update(workload.transactions(promotion))
        self._totals.replays += 1
        self._totals.replays_in_batches += batches
        self._totals.under_way = None
        self._save()
        self._naive()
        self._totals.seconds += time.monotonic() - began
        self._save()
        how = "in batches" if batches else "all or nothing"
        faults = ", ".join(f"{name} {number}" for name, number in verdict.faults.items()) or "no fault"
        killed = self._totals.kills - before
        return f"{verdict.events:,} events {how}, {killed} kills, {time.monotonic() - began:.0f} s: {faults}"

    def _begin(self, events: int) -> tuple[Promotion, bool]:
        batches = self._totals.replays % 2 == 0
        promotion = workload.make_promotion(self._ground, f"Chaos {self._totals.replays + 1}", events)
        self._totals.under_way = {"promotion": promotion.pk, "batches": batches}
        self._save()
        return promotion, batches

    def _take_up(self) -> tuple[Promotion, bool] | None:
        left = self._totals.under_way
        return (Promotion.objects.get(pk=left["promotion"]), left["batches"]) if left else None

    def _replay(self, promotion: Promotion, batches: bool, kills: int) -> None:
        """Until it has succeeded; where it ended otherwise, start it again, as a person would."""
        job = promotion.jobs.filter(kind=JobKind.REPLAY).order_by("-created_at").first()
        for _ in range(MOST_RESTARTS):
            if job is None or not job.active:
                job = workload.start_replay(promotion, batches)
            self._until_ended(job, kills)
            promotion.refresh_from_db()
            self._ground.note(f"job {job.pk} {job.state} after {job.attempts} attempts: {job.error}")
            if job.state == JobState.SUCCEEDED:
                return
            self._totals.started_again[f"{job.state}: {job.error[:200]}"] += 1
        said = " ".join([job.error, job.hint, *job.problems])
        raise AssertionError(f"promotion {promotion.pk} was started {MOST_RESTARTS} times: {said}")

    def _until_ended(self, job: PromotionJob, kills: int) -> None:
        while refreshed(job).active and self._totals.kills < kills:
            self._monkey.attack(job)
        until(lambda: ended(job), workload.PATIENCE_SECONDS, f"the end of job {job.pk}, which nobody disturbs")

    def _naive(self) -> None:
        """The same for the naive order, until it has shown a duplicate, then for every second replay."""
        if self._totals.naive_duplicated and self._totals.replays % 2:
            return
        verdict, kills = naive.suffer(self._ground, self._dice, NAIVE_EVENTS, workload.BATCH, NAIVE_KILLS)
        self._totals.naive_duplicated += verdict.duplicated
        self._totals.naive_events += verdict.events
        self._totals.naive_kills += kills
