"""What is measured of ours: real promotions, each work checked for its result. Import it with Django set up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Sum

from promotion.actions import rules
from promotion.actions.apply_upload import discard
from promotion.actions.create import create
from promotion.actions.download import download
from promotion.actions.plan import request_plan
from promotion.actions.replay_start import request_replay
from promotion.actions.request import request_job
from promotion.actions.upload import upload
from promotion.actions.verify import request_verify
from promotion.domain.filters import ExportFilter
from promotion.domain.plan_choices import Mode, PlanChoices
from promotion.models import (
    Environment,
    ExportCount,
    LineVerdict,
    Plan,
    Promotion,
    PromotionJob,
    Receipt,
    Replay,
    RuleList,
    Verification,
)
from promotion.states import Disposition, JobKind, JobState, PromotionState, VerificationVerdict
from tests import cast
from tests.bench.kcat.events import HOSTS
from tests.bench.kcat.memory import Watch
from tests.jobs.processes import until

#: So many records in one transaction: a million of them with their headers is more than the plan's estimate allows.
BATCH = 250_000
LOOK_SECONDS = 0.02
PROOF_SECONDS = 60.0
UPLOAD_PIECE = 1024 * 1024
#: All hosts are moved at once: it changes every event.
MOVE = {
    "name": "Move every host",
    "then": [{"do": "map", "path": "**.hostId", "table": {host: f"sit-{host}" for host in HOSTS}}],
}
SIZES = "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables"


class WrongResult(Exception):
    """Ours did not do what it was asked for. Its time counts for nothing."""


def expect(what: str, found: object, wanted: object) -> None:
    """Raises WrongResult unless the two are equal."""
    if found != wanted:
        raise WrongResult(f"{what}: {found!r}, expected {wanted!r}")


def ended(job: PromotionJob, watch: Watch | None = None) -> None:
    """Return when the job has ended."""
    while job.active:
        if watch is not None:
            watch.look()
        time.sleep(LOOK_SECONDS)
        job.refresh_from_db()


def seconds(job: PromotionJob) -> float:
    """From the job's start to its end state, as the database says. Raises WrongResult where it did not succeed."""
    job.refresh_from_db()
    problems = f" {job.error} {job.problems[:3]}" if job.error else ""
    expect(f"the end of the {job.kind}{problems}", job.state, JobState.SUCCEEDED.value)
    assert job.started_at is not None
    assert job.ended_at is not None
    return (job.ended_at - job.started_at).total_seconds()


def written_bytes() -> int:
    """How large all tables are, indexes included."""
    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        return int(cursor.fetchone()[0])


def settle() -> None:
    """Have PostgreSQL write what earlier works left to the disk, so that the next one does not pay for it."""
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


class Works:
    """`run` does a job to its end. Every method returns seconds, and raises WrongResult."""

    def __init__(self, run: Callable[[PromotionJob], None]) -> None:
        self._run = run
        self._actor = cast.user("manager")

    def promotion(self, source: Environment, target: Environment) -> Promotion:
        """A new promotion."""
        return create(self._actor, source, target, f"From {source.name}", ExportFilter())

    def export(self, promotion: Promotion, records: int, kept: int) -> float:
        """Export it: `records` are to be accounted for, `kept` of them to travel."""
        took = self._do(request_job(self._actor, promotion, JobKind.EXPORT))
        counts = ExportCount.objects.filter(partition__export__promotion=promotion).order_by()
        found = dict(counts.values_list("disposition").annotate(n=Sum("count")))
        wanted = {Disposition.KEPT.value: kept, Disposition.NOT_PROMOTABLE.value: records - kept}
        expect("the export's account", found, {name: number for name, number in wanted.items() if number})
        expect("the events kept", promotion.events.filter(quarantine_reason="").count(), kept)
        expect("the partitions read", all(each.done for each in promotion.export.partitions.all()), True)
        return took

    def plan(self, promotion: Promotion, verdicts: dict[str, int]) -> float:
        """Make a plan, and compare what it says of the events."""
        choices = PlanChoices(mode=Mode.BATCHES, batch_size=BATCH)
        took = self._do(request_plan(self._actor, promotion, choices))
        plan = self._plan(promotion)
        expect("the plan's verdicts", {v: n for v, n in plan.counts.items() if n}, verdicts)
        goes = sum(n for verdict, n in verdicts.items() if verdict in ("new", "changed"))
        expect("the plan's steps", (plan.steps_count, plan.steps.count()), (goes, goes))
        return took

    def replay(self, promotion: Promotion, records: int) -> float:
        """Replay the plan's frozen bytes."""
        took = self._do(request_replay(self._actor, promotion, plan=self._plan(promotion)))
        replay = Replay.objects.get(plan__promotion=promotion)
        receipts = Receipt.objects.committed().filter(attempt__replay=replay)
        found = replay.committed, replay.finished_at is not None, receipts.count()
        expect("records, end and receipts of the replay", found, (records, True, records))
        promotion.refresh_from_db()
        expect("the promotion", promotion.state, PromotionState.REPLAYED.value)
        return took

    def proof(self, promotion: Promotion) -> PromotionJob:
        """The verification that follows a replay by itself, as soon as the worker has asked for it."""
        asked = PromotionJob.objects.filter(promotion=promotion, kind=JobKind.VERIFY)
        found: PromotionJob = until(asked.first, PROOF_SECONDS, "the verification after a replay")
        return found

    def verify(self, promotion: Promotion, records: int, proof: PromotionJob | None = None) -> float:
        """Read the target back: anew, or in the `proof` that nobody has begun yet."""
        promotion.refresh_from_db()
        took = self._do(proof or request_verify(self._actor, promotion))
        found = Verification.objects.filter(replay__plan__promotion=promotion).latest("at")
        said = found.verdict, found.expected, found.found, found.foreign
        expect("the verification", said, (VerificationVerdict.VERIFIED.value, records, records, 0))
        return took

    def rule(self, promotion: Promotion) -> float:
        """Move every event to another host."""
        promotion.refresh_from_db()
        held = RuleList.objects.of(promotion)
        rules.add(self._actor, promotion, held.version, rules.entries([MOVE]))
        done, job = rules.apply(self._actor, promotion)
        took = self._do(job)
        done.refresh_from_db()
        expect("the events changed by the rule", done.counts["changed"], promotion.events.count())
        return took

    def download(self, promotion: Promotion, file: Path) -> float:
        """Write the outgoing events to a file of JSON lines, as a page does."""
        promotion.refresh_from_db()
        began = time.perf_counter()
        made = download(self._actor, promotion)
        with file.open("wb") as stream:
            for block in made.blocks():
                stream.write(block)
        took = time.perf_counter() - began
        expect("the events downloaded", made.events, promotion.events.count())
        return took

    def upload(self, promotion: Promotion, file: Path) -> float:
        """Upload that file: store it, and have a worker compare it with the events."""
        promotion.refresh_from_db()
        began = time.perf_counter()
        with file.open("rb") as stream:
            made, job = upload(self._actor, promotion, file.name, iter(lambda: stream.read(UPLOAD_PIECE), b""))
        stored = time.perf_counter() - began
        took = stored + self._do(job)
        made.refresh_from_db()
        found = {verdict: number for verdict, number in Counter(made.counts).items() if number}
        expect("the lines compared", found, {LineVerdict.UNCHANGED.value: promotion.events.count()})
        discard(self._actor, made)
        return took

    def _do(self, job: PromotionJob) -> float:
        settle()
        self._run(job)
        return seconds(job)

    def _plan(self, promotion: Promotion) -> Plan:
        plan: Any = Plan.objects.of(promotion)
        return plan
