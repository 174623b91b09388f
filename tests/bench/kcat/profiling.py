"""One job in this process under cProfile: where its time goes. Import it with Django set up."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from io import StringIO

from promotion import jobs
from promotion.models import PromotionJob
from tests.bench.kcat.stage import Stage, environment
from tests.bench.kcat.works import Works

#: What may be profiled, and the kinds of jobs that lead there; the last one is the one.
WAYS = ("export", "export_5", "plan", "plan_all", "replay", "verify")
TOP = 15


class Profiler:
    """Does jobs in this process; while `on`, under cProfile. The profiler itself about doubles the time of calls."""

    def __init__(self) -> None:
        self.on = False
        self._profile = cProfile.Profile()

    def run(self, job: PromotionJob) -> None:
        if self.on:
            self._profile.runcall(jobs.run, str(job.pk))
        else:
            jobs.run(str(job.pk))

    def top(self) -> str:
        """The entries that took most, by what they and what they called took, then by what they took themselves."""
        text = StringIO()
        stats = pstats.Stats(self._profile, stream=text).strip_dirs()
        for order in ("cumulative", "tottime"):
            stats.sort_stats(order).print_stats(TOP)
        return text.getvalue()


def profile(stage: Stage, way: str) -> str:
    """Do what leads to `way`, one of WAYS, and that under the profiler. Returns what it found."""
    profiler = Profiler()
    works, events = Works(profiler.run), stage.events

    def last(name: str, what: Callable[[], float]) -> bool:
        profiler.on = name == way
        what()
        return profiler.on

    if way in ("export_5", "plan"):
        promotion = works.promotion(stage.mixed, stage.full)
        steps: list[tuple[str, Callable[[], float]]] = [
            ("export_5", lambda: works.export(promotion, events.count, events.kept)),
            ("plan", lambda: works.plan(promotion, events.verdicts)),
        ]
    else:
        promotion = works.promotion(stage.whole, environment("sit", stage.clusters["sit"], 30))
        steps = [
            ("export", lambda: works.export(promotion, events.count, events.count)),
            ("plan_all", lambda: works.plan(promotion, events.all_verdicts)),
            ("replay", lambda: works.replay(promotion, events.count, proof=False)),
            ("verify", lambda: works.verify(promotion, events.count)),
        ]
    next(name for name, what in steps if last(name, what))
    return profiler.top()
