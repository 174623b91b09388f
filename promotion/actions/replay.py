"""Replay a promotion's plan to its target, exactly once, whatever crashes on the way.

What makes it so (docs/decisions/0009-replay.md):
- The plan is frozen before the first record; a resume produces the same bytes to the same partitions.
- The progress marker is committed by Kafka together with the records. On every start and on every doubt a new writer
  first fences its predecessor, then reads the marker, then the database is made to agree.
- Receipts are stored before the commit is asked for: a committed attempt has them all.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from promotion.actions import failpoints, preflight
from promotion.actions.connect import kafka_connection
from promotion.actions.copy_rows import CopyRows
from promotion.actions.headway import Now
from promotion.actions.lease import Lease
from promotion.actions.plan import choices_of, make, plan_of, refuse
from promotion.actions.read_rows import read_rows
from promotion.actions.replay_marker import attempt_aborted, first_marker, next_attempt, repair, writer_name
from promotion.actions.replay_schemas import schema_ids
from promotion.actions.replay_spread import Underway, spread
from promotion.actions.replay_start import begin, check_startable
from promotion.actions.schema_source import open_schemas
from promotion.domain.packed_headers import HeaderUnpacker
from promotion.domain.plan_choices import PlanChoices
from promotion.domain.record import OutgoingRecord
from promotion.domain.transaction_time import transaction_timeout_ms
from promotion.domain.wire import frame
from promotion.errors import Cancelled, Incomplete, LeaseLost, Refused
from promotion.kafka.cluster import TopicFacts, inspect
from promotion.kafka.failures import Fenced, OutcomeUnknown
from promotion.kafka.writer import TransactionalWriter, fence
from promotion.models import Plan, Promotion, PromotionJob, Replay, ReplayAttempt
from promotion.states import AttemptOutcome

logger = logging.getLogger(__name__)

CHUNK = 2_000
#: How often an outcome may be in doubt within one job before a person is asked.
MAX_DOUBTS = 5
#: How often a pause between two transactions looks whether somebody wants to stop, in seconds.
PAUSE_SLICE = 0.2
_RECEIPTS = CopyRows(
    "promotion_receipt", {"attempt_id": "int8", "ordinal": "int4", "partition": "int4", "offset": "int8"}
)


def run(lease: Lease) -> None:
    """Do the job: settle what an earlier replay left, make the plan unless there is one, then replay it.

    Raises Refused with every problem before the first record is produced; Stale, Unreachable, Incomplete; Cancelled,
    where nothing of the current transaction became visible; LeaseLost.
    """
    promotion = _promotion(lease.job)
    # 1. An earlier replay may have been committed without anybody noticing. Nothing else counts before that is known.
    replay = _begun(promotion)
    if replay is not None and (replay.finished_at is not None or _settle(lease, replay) == replay.plan.steps_count):
        _tell_arrived(lease, replay.plan)
        return _note_ends(lease, replay)
    lease.check()
    # 2. What has begun to arrive goes on. Otherwise the plan that the job was asked for, else the one that it makes.
    if replay is None or not replay.committed:
        plan = plan_of(lease.job) or make(lease, choices_of(lease.job), direct=True)
        refuse(plan)
        replay = _replays().get(pk=begin(lease, plan).pk)
    failpoints.reach("after-plan")
    # 3. Attempts, until the marker says that everything has arrived.
    for _ in range(MAX_DOUBTS):
        try:
            _attempts(lease, replay)
            return _note_ends(lease, replay)
        except (Fenced, OutcomeUnknown) as doubt:
            _still_ours(lease)
            logger.warning("job %s: %s The marker decides.", lease.job.pk, doubt.message)
    raise Incomplete(
        f"The outcome was in doubt {MAX_DOUBTS} times.", "See whether the target's brokers are well, then start again."
    )


def _attempts(lease: Lease, replay: Replay) -> None:
    """Bring everything that is still missing to the target, one transaction after the other."""
    promotion, plan = replay.plan.promotion, replay.plan
    settled = False

    def on_wait() -> None:
        # Until it is known what has arrived, a cancel would say "nothing did" of something that did.
        lease.check() if settled else _still_ours(lease)

    # 1. Fence the predecessor, read the marker, repair the database.
    writer, facts, first = _open(lease, replay, on_wait)
    with contextlib.closing(writer):
        if first == plan.steps_count:
            _tell_arrived(lease, plan)
            return
        settled = True
        failpoints.reach("after-open")
        # 2. Everything that can fail without a transaction.
        check_startable(plan)
        preflight.check_plan(plan, facts)
        preflight.check_promotion(promotion, PlanChoices.from_json(plan.choices).accept_incomplete)
        preflight.check_topic(promotion, facts)
        underway = Underway(plan, first)
        lease.progress(first, plan.steps_count, "Registering schemas", octets=0, positions=underway.spread)
        with open_schemas(promotion.target) as registry:
            ids = schema_ids(registry, plan)
        first_marker(lease, replay, writer, first)
        # 3. One transaction after the other, on the same producer: whatever is in doubt ends this loop.
        while first < plan.steps_count:
            began = time.monotonic()
            steps = range(first, next(cut for cut in plan.cuts if cut > first))
            first = _transaction(lease, replay, writer, ids, steps, underway)
            underway.committed()
            if first < plan.steps_count:
                _pause(lease, PlanChoices.from_json(plan.choices), len(steps), began)
        lease.tell(first, octets=underway.octets, positions=underway.spread)


def _transaction(
    lease: Lease,
    replay: Replay,
    writer: TransactionalWriter,
    ids: dict[tuple[str, int], int],
    steps: range,
    underway: Underway,
) -> int:
    """Produce `steps` in one transaction; return the first ordinal behind it. The order of things is the point."""
    lease.check()
    plan = replay.plan
    attempt = next_attempt(lease, replay, steps)
    started = time.monotonic()
    try:
        # The records, their receipts in the database, the marker, the commit.
        writer.begin()
        failpoints.reach("after-begin")
        _produce(lease, writer, plan, ids, steps, underway)
        writer.flush()
        failpoints.reach("after-flush")
        _store_receipts(lease, attempt, writer)
        failpoints.reach("after-receipts")
        said = {"attempt": attempt.number, "digest": plan.digest}
        writer.commit(steps.stop, said, lambda: failpoints.reach("after-marker"))
    except (LeaseLost, OutcomeUnknown):
        raise  # fenced, another holder, or in doubt: nothing is written from here, a new writer's marker tells
    except Exception:
        # The commit was not asked for, so a confirmed abort is final. Unconfirmed, the next start settles it.
        writer.abort()
        attempt_aborted(lease, attempt)
        raise
    failpoints.reach("after-commit")
    took = time.monotonic() - started
    logger.info("replay %s attempt %s: %s records in %.1f s", replay.pk, attempt.number, len(steps), took)
    # The database follows the marker.
    first = repair(lease, replay, writer.marker)
    failpoints.reach("after-database")
    return first


def _pause(lease: Lease, choices: PlanChoices, records: int, began: float) -> None:
    """Wait as long as the plan's pause and rate ask for, outside any transaction. Raises what `Lease.check` raises."""
    until = time.monotonic() + choices.pause_seconds
    if choices.rate:
        until = max(until, began + records / choices.rate)
    while (left := until - time.monotonic()) > 0:
        lease.check()
        time.sleep(min(left, PAUSE_SLICE))


def _open(lease: Lease, replay: Replay, on_wait: Callable[[], None]) -> tuple[TransactionalWriter, TopicFacts, int]:
    """Return an open writer that has fenced its predecessors, the topic's facts, and the first ordinal to produce.

    What is merely refused here (a password, an authorisation) leaves the outcome of an earlier attempt unknown, and
    is raised as Incomplete then: a promotion may only be edited again when nothing of it is on its way.
    """
    plan = replay.plan
    try:
        kafka = kafka_connection(plan.promotion.target)
        facts = inspect(kafka, plan.promotion.target.topic)
        if replay.attempts.exists() and (facts.cluster_id, facts.topic) != (plan.cluster_id, plan.topic):
            raise Incomplete(
                f"The replay began on topic {plan.topic} of cluster {plan.cluster_id}; the target "
                f"{plan.promotion.target.name} now is {facts.topic} on {facts.cluster_id}.",
                "Set the environment back, so that it can be read there what has arrived.",
            )
        writer = TransactionalWriter(
            kafka,
            facts.topic,
            writer_name(replay),
            facts.partitions,
            _timeout_ms(plan),
            max_message_bytes=facts.max_message_bytes or 1_048_588,
            on_wait=on_wait,
        ).open()
        try:
            return writer, facts, repair(lease, replay, writer.marker)
        except BaseException:
            writer.close()
            raise
    except Refused as error:
        if not replay.attempts.filter(outcome=AttemptOutcome.OPEN).exists():
            raise
        raise Incomplete(f"What has arrived cannot be read: {error.message}", error.hint) from error


def _settle(lease: Lease, replay: Replay) -> int:
    """Find out what became of `replay` and return how much of it has arrived; afterwards its producer is fenced."""
    writer, _, committed = _open(lease, replay, lambda: _still_ours(lease))
    writer.close()
    return committed


def _begun(promotion: Promotion) -> Replay | None:
    """The promotion's newest replay if it has tried anything. Those before it were settled before it was made."""
    replay = _replays().filter(plan__promotion=promotion).order_by("-started_at").first()
    return replay if replay is not None and replay.attempts.exists() else None


def _timeout_ms(plan: Plan) -> int:
    """The time-out of the plan's transactions: of its largest one."""
    largest = max((stop - start for start, stop in zip([0, *plan.cuts], plan.cuts, strict=False)), default=0)
    size = plan.bytes_count * largest // max(1, plan.steps_count)
    return transaction_timeout_ms(largest, size, plan.target_state.get("transaction_max_timeout_ms"))


def _note_ends(lease: Lease, replay: Replay) -> None:
    """Note where the target ends behind the last commit, once: whoever verifies reads up to there."""
    if replay.after:
        return
    target = replay.plan.promotion.target
    facts = inspect(kafka_connection(target), target.topic)
    with lease.writing():
        after = {str(marks.partition): marks.high for marks in facts.watermarks}
        Replay.objects.filter(pk=replay.pk, after={}).update(after=after)


def _tell_arrived(lease: Lease, plan: Plan) -> None:
    """Say of each partition that all of it is committed: whoever committed it died before that could be said."""
    lease.tell(plan.steps_count, plan.steps_count, positions=spread(plan, plan.steps_count))


def _promotion(job: PromotionJob) -> Promotion:
    assert job.promotion_id is not None, "a replay is about a promotion"
    return Promotion.objects.with_environments().get(pk=job.promotion_id)


def _replays() -> QuerySet[Replay]:
    return Replay.objects.select_related("started_by", "plan__promotion__source", "plan__promotion__target")


def _produce(
    lease: Lease,
    writer: TransactionalWriter,
    plan: Plan,
    ids: dict[tuple[str, int], int],
    ordinals: range,
    underway: Underway,
) -> None:
    lease.progress(ordinals.start, plan.steps_count, "Replaying", octets=underway.octets, positions=underway.spread)
    middle, unpacker, now = (ordinals.start + ordinals.stop) // 2, HeaderUnpacker(), Now()
    for chunk in _steps(plan, ordinals):
        octets = 0
        for ordinal, partition, timestamp, key, headers, subject, schema_id, body in chunk:
            if ordinal == middle:
                failpoints.reach("mid-produce")
            value = frame(ids[subject, schema_id], body)
            writer.produce(ordinal, OutgoingRecord(partition, timestamp, key, value, unpacker.unpack(headers)))
            octets += len(value)
        underway.take((row[1] for row in chunk), octets)
        lease.check()
        if now.due():
            lease.progress(chunk[-1][0] + 1, octets=underway.octets, positions=underway.spread)
    lease.progress(ordinals.stop, phase="Committing")


def _steps(plan: Plan, ordinals: range) -> Iterator[list[tuple[Any, ...]]]:
    """The plan's steps in chunks, each a query of its own: no database transaction stays open beside Kafka's."""
    columns = ("ordinal", "partition", "timestamp", "key", "headers", "subject", "schema_id", "body")
    for start in range(ordinals.start, ordinals.stop, CHUNK):
        stop = min(start + CHUNK, ordinals.stop)
        chunk = plan.steps.filter(ordinal__gte=start, ordinal__lt=stop).order_by("ordinal")
        yield read_rows(chunk.values_list(*columns))


def _store_receipts(lease: Lease, attempt: ReplayAttempt, writer: TransactionalWriter) -> None:
    with transaction.atomic():
        _RECEIPTS.write((attempt.pk, *placed) for placed in writer.receipts)
        # The lease last: its row stays locked until the end, and its holder must be able to renew it meanwhile.
        with lease.writing():
            if PromotionJob.objects.filter(pk=lease.job.pk, cancel_requested_by__isnull=False).exists():
                raise Cancelled("Cancelled on request.")  # until here, every cancel is in time
            ReplayAttempt.objects.filter(pk=attempt.pk).update(produced=len(writer.receipts))


def _still_ours(lease: Lease) -> None:
    """Raise LeaseLost; a wish to cancel has to wait."""
    with contextlib.suppress(Cancelled):
        lease.check()


def fence_abandoned(job: PromotionJob) -> None:
    """End the open transaction of a dead worker's replay now: until then it hides later records from readers.

    A cut-off worker that still lives is fenced as well. Raises Unreachable and the like; the time-out ends it then.
    """
    promotion = _promotion(job)
    replay = _begun(promotion)
    if replay is not None and replay.attempts.filter(outcome=AttemptOutcome.OPEN).exists():
        fence(kafka_connection(promotion.target), writer_name(replay), timeout=10.0)
        logger.warning("job %s: fenced %s, whose worker is gone", job.pk, writer_name(replay))
