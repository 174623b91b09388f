"""What disturbs a replay: one attack after the other, chosen by a seeded random. Import it with Django set up."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import redis
from django.db import DatabaseError, connections

from portal_admin.embedded.children import Child
from promotion.actions import failpoints
from promotion.models import PromotionJob, Replay, ReplayAttempt
from tests.chaos.ground import Ground
from tests.chaos.proxy import ANSWERS, REQUESTS
from tests.chaos.totals import Totals
from tests.chaos.workload import PATIENCE_SECONDS
from tests.jobs.processes import alive, until

#: How often each attack is chosen, in relation to the others. Those that take seconds are rare.
WEIGHTS = {
    "child": 52, "failpoint": 20, "parent": 10, "network": 7, "twins": 4, "valkey": 3, "broker": 2.5, "postgres": 1.5,
}  # fmt: skip
#: What counts as a kill: a process that had no chance to say a last word.
KILLS = ("child", "failpoint", "parent", "broker")
#: Most attacks come within so many seconds after a transaction has begun, the others after a worker's start.
TRANSACTION_SECONDS, START_SECONDS = 0.4, 1.2
IN_A_TRANSACTION = 0.8
#: Reached once in a worker's life, before its first transaction.
AT_A_START = ("after-plan", "after-open")
#: Reached once in a replay's life, before its first record.
ONCE = "after-first-marker"


class Monkey:
    """Attacks one job after the other. `save` is called after every kill, so that none is forgotten."""

    def __init__(self, ground: Ground, dice: random.Random, totals: Totals, save: Callable[[], None]) -> None:
        self._ground, self._dice, self._totals, self._save = ground, dice, totals, save

    def attack(self, job: PromotionJob) -> None:
        """Attack the worker of `job` once, at a random time; nothing happens where the job ends first."""
        kind = self._choose()
        self._wait(job, kind)
        found = self._ground.busy()
        if found is None or ended(job):
            return
        began = time.monotonic()
        getattr(self, f"_{kind}")(job, *found)
        self._ground.note(f"{kind} {time.monotonic() - began:.2f} s, job {job.pk} attempt {job.attempts}")
        for name in self._ground.mend():
            self._totals.ended_alone[name] += 1
        self._save()

    def _wait(self, job: PromotionJob, kind: str) -> None:
        """Until a worker is in the midst of it."""
        begun = transactions(job)
        until(lambda: self._ground.busy() or ended(job), PATIENCE_SECONDS, f"a worker takes job {job.pk}")
        if kind == "failpoint":  # is reached when it is reached
            return
        if self._dice.random() < IN_A_TRANSACTION:
            _within(10, lambda: transactions(job) > begun or ended(job))
            time.sleep(self._dice.uniform(0, TRANSACTION_SECONDS))
        else:
            time.sleep(self._dice.uniform(0, START_SECONDS))

    def _choose(self) -> str:
        untried = self.untried
        return untried[0] if untried else self._dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    @property
    def untried(self) -> list[str]:
        """The kinds of attack that never happened, failpoints as long as one of the names is left: they come first."""
        tally = self._totals.tally
        named = [name for name in failpoints.NAMES if not tally[f"failpoint {name}"]]
        return [kind for kind in WEIGHTS if not tally[kind]] + (["failpoint"] if named else [])

    def _count(self, kind: str) -> None:
        self._totals.tally[kind] += 1
        self._totals.kills += kind in KILLS

    def _child(self, job: PromotionJob, worker: Child, horse: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(horse, signal.SIGKILL)
            self._count("child")
            until(lambda: not alive(horse), what="the child's end")

    def _parent(self, job: PromotionJob, worker: Child, horse: int) -> None:
        worker.process.kill()
        worker.process.wait()
        self._count("parent")
        until(lambda: not alive(horse), what="the end of the child whose parent was killed")

    def _failpoint(self, job: PromotionJob, worker: Child, horse: int) -> None:
        """Kill whoever reaches a named place next. Some are reached only at a start: then the child is killed first."""
        tally = self._totals.tally
        names = [each for each in failpoints.NAMES if each != ONCE or not marked(job)]
        name = min(names, key=lambda each: (tally[f"failpoint {each}"], each != ONCE, self._dice.random()))
        taken = self._ground.taken
        self._ground.failpoint.write_text(name)
        try:
            seconds = 0 if name in AT_A_START else 5
            if not _within(seconds, lambda: taken.exists() or ended(job)) and alive(horse):
                self._child(job, worker, horse)
            _within(20, lambda: taken.exists() or ended(job))
        finally:
            self._ground.failpoint.unlink(missing_ok=True)
        if taken.exists():
            taken.unlink()
            self._count("failpoint")
            self._count(f"failpoint {name}")

    def _broker(self, job: PromotionJob, worker: Child, horse: int) -> None:
        broker = self._ground.kafka.child
        assert broker is not None
        broker.process.kill()
        broker.process.wait()
        self._count("broker")
        time.sleep(self._dice.uniform(0, 1))
        self._ground.kafka.start()

    def _postgres(self, job: PromotionJob, worker: Child, horse: int) -> None:
        """In good order, which ends all sessions, or at once, which needs a recovery."""
        server = self._ground.postgres.child
        assert server is not None
        server.process.send_signal(self._dice.choice([signal.SIGINT, signal.SIGQUIT]))
        server.process.wait(60)
        self._ground.postgres.start()
        connections.close_all()
        self._count("postgres")

    def _valkey(self, job: PromotionJob, worker: Child, horse: int) -> None:
        """Empty the queue before a worker dies, or right after, when its job has been put there again."""
        with redis.Redis.from_url(os.environ["VALKEY_URL"]) as client:
            if self._dice.random() < 0.5:
                client.flushall()
                self._child(job, worker, horse)
            else:
                self._child(job, worker, horse)
                time.sleep(self._dice.uniform(0, 0.1))
                client.flushall()
        self._count("valkey")

    def _twins(self, job: PromotionJob, worker: Child, horse: int) -> None:
        """Cut a worker off until another has taken over its replay, then let it go on beside that one."""
        attempts = refreshed(job).attempts
        with suppress(ProcessLookupError):
            os.kill(horse, signal.SIGSTOP)
            until(lambda: refreshed(job).attempts > attempts or not job.active, PATIENCE_SECONDS, "a second worker")
            time.sleep(self._dice.uniform(0, 1))
            os.kill(horse, signal.SIGCONT)
            self._count("twins")
            until(lambda: not alive(horse), PATIENCE_SECONDS, "the end of the worker that was cut off")

    def _network(self, job: PromotionJob, worker: Child, horse: int) -> None:
        """Stall the way to the broker, the way back or both; the worker may die meanwhile, the connection be cut."""
        proxy = self._ground.proxy
        proxy.stall(*self._dice.choice([(REQUESTS,), (ANSWERS,), (REQUESTS, ANSWERS)]))
        try:
            time.sleep(self._dice.uniform(0.2, 3))
            if self._dice.random() < 0.4:
                self._child(job, worker, horse)
            if self._dice.random() < 0.4:
                proxy.cut()
        finally:
            proxy.go_on()
        self._count("network")


def refreshed(job: PromotionJob) -> PromotionJob:
    """The job as it is now, from a database that may just have been restarted."""
    for _ in range(3):
        try:
            job.refresh_from_db()
            return job
        except DatabaseError:
            connections.close_all()
            time.sleep(0.2)
    job.refresh_from_db()
    return job


def transactions(job: PromotionJob) -> int:
    """How many transactions the replay of the job's promotion has begun."""
    refreshed(job)  # the database is there again
    return ReplayAttempt.objects.filter(replay__plan__promotion=job.promotion_id).count()


def marked(job: PromotionJob) -> bool:
    """Whether the replay of the job's promotion has its first marker."""
    return Replay.objects.filter(plan__promotion=job.promotion_id, marked_at__isnull=False).exists()


def ended(job: PromotionJob) -> bool:
    """Whether the job has ended, well or not."""
    return not refreshed(job).active


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
