"""Jobs in this process under cProfile: where their time goes. Import it with Django set up."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable
from io import StringIO

from portal_admin.embedded.terminal import say
from promotion import jobs
from promotion.models import PromotionJob
from promotion.workers import collect_rarely
from tests.bench.kcat.stage import SIT, Stage, environment
from tests.bench.kcat.works import Works

TOP = 15


class Profiler:
    """Does jobs in this process, each under a profile of its own while it is `on`.

    A profiler makes calls dearer, so what it says are shares of the time, and no times.
    """

    def __init__(self) -> None:
        self.on = False
        self._profile = cProfile.Profile()

    def run(self, job: PromotionJob) -> None:
        """Do it to its end."""
        if not self.on:
            jobs.run(str(job.pk))
            return
        self._profile = cProfile.Profile()
        self._profile.runcall(jobs.run, str(job.pk))

    def top(self) -> str:
        """The entries that took most of the last job, with what they called, then by themselves."""
        text = StringIO()
        stats = pstats.Stats(self._profile, stream=text).strip_dirs()
        for order in ("cumulative", "tottime"):
            stats.sort_stats(order).print_stats(TOP)
        return text.getvalue()


def profile(stage: Stage, wanted: set[str]) -> None:
    """Do what is `wanted` (PROFILED of the command line) under the profiler, and before it what leads there."""
    collect_rarely()
    profiler = Profiler()
    works, events = Works(profiler.run), stage.events
    mixed = works.promotion(stage.mixed, stage.full)
    whole = works.promotion(stage.whole, environment("sit", stage.clusters["sit"], SIT))
    ways: tuple[dict[str, Callable[[], float]], ...] = (
        {
            "export_5": lambda: works.export(mixed, events.count, events.kept),
            "plan": lambda: works.plan(mixed, events.verdicts),
        },
        {
            "export": lambda: works.export(whole, events.count, events.count),
            "plan_all": lambda: works.plan(whole, events.all_verdicts),
            "replay": lambda: works.replay(whole, events.count),
            "verify": lambda: works.verify(whole, events.count, works.proof(whole)),
        },
    )
    for way in ways:
        left = wanted.intersection(way)
        for name, work in way.items():
            if not left:
                break
            profiler.on = name in wanted
            cpu = time.process_time()
            took = work()
            cpu = time.process_time() - cpu
            left.discard(name)
            say(f"{name}: {took:.2f} s, of which this process worked {cpu:.2f} s")
            if profiler.on:
                say(profiler.top())
