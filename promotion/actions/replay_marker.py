"""Make the database say what Kafka's marker says. The database's own progress is only a copy of it."""

from __future__ import annotations

from django.utils import timezone

from promotion.actions import audit, failpoints
from promotion.actions.lease import Lease
from promotion.errors import Incomplete
from promotion.kafka.marker import Marker
from promotion.kafka.writer import TransactionalWriter
from promotion.models import Installation, Replay, ReplayAttempt
from promotion.states import AttemptOutcome

#: The number of no attempt: what the first marker bears, which is committed before there is one.
MARKED = 0


def writer_name(replay: Replay) -> str:
    """Return the transactional id of `replay`, which is the marker's group too.

    The installation's own UUID keeps a restored copy of the database from fencing, or believing, the real one.
    """
    return f"promotion-{Installation.objects.get().uuid}-{replay.pk}"


def repair(lease: Lease, replay: Replay, marker: Marker | None) -> int:
    """Write into the database what `marker` says, read after fencing; return the first ordinal still to be produced.

    The attempt that the marker names has committed, any other open one has not. Raises Incomplete where marker and
    database contradict each other, LeaseLost.
    """
    committed = _checked(replay, marker)
    with lease.writing():
        now = timezone.now()
        open_attempts = replay.attempts.filter(outcome=AttemptOutcome.OPEN)
        if marker is not None:
            named = open_attempts.filter(number=marker.metadata["attempt"])
            named.update(outcome=AttemptOutcome.COMMITTED, ended_at=now)
        open_attempts.update(outcome=AttemptOutcome.ABORTED, ended_at=now)
        replay.committed = committed
        if committed == replay.plan.steps_count and replay.finished_at is None:
            replay.finished_at = now
            after = {"plan": replay.plan.digest, "events": committed, "target": str(replay.plan.promotion.target)}
            audit.record(replay.started_by, "replayed", replay.plan.promotion, after=after)
        replay.save(update_fields=["committed", "finished_at"])
    return committed


def _checked(replay: Replay, marker: Marker | None) -> int:
    """Return how many steps are proven to have arrived. Raises Incomplete where nothing proves a number."""
    if marker is None:
        return _without_marker(replay)
    number = marker.metadata.get("attempt")
    attempt = replay.attempts.filter(number=number).first() if type(number) is int else None
    fits = marker.metadata.get("digest") == replay.plan.digest
    if number == MARKED:
        believable = fits and marker.next_ordinal == replay.committed
    else:
        believable = (
            fits
            and attempt is not None
            and attempt.outcome != AttemptOutcome.ABORTED
            and replay.committed <= marker.next_ordinal <= replay.plan.steps_count
        )
    if believable:
        return marker.next_ordinal
    said = replay.reconciliations.first()
    if said is not None and (said.committed, said.last_attempt) == (replay.committed, replay.attempts.count()):
        # The target itself was read after every attempt was fenced: that outranks a marker.
        return said.committed
    raise Incomplete(
        f"The marker in Kafka ({marker.next_ordinal:,} of {replay.plan.steps_count:,} records, attempt "
        f"{number}) contradicts the database ({replay.committed:,} records).",
        f"{_WHAT_TO_DO} Group {writer_name(replay)} has the marker.",
    )


def _without_marker(replay: Replay) -> int:
    """Return what has arrived although Kafka has no marker: nothing, or what a person has established since it went.

    No record is produced before a marker is committed, so one that was there and is gone proves nothing, however short
    ago that was. Raises Incomplete then.
    """
    said = replay.reconciliations.first()
    lost = replay.marked_at is not None and (said is None or said.at < replay.marked_at)
    committed = said.committed if said is not None else 0
    if lost or replay.committed != committed:
        raise Incomplete(
            f"The database shows {replay.committed:,} committed records, and Kafka's marker of them is gone.",
            f"{_WHAT_TO_DO} Group {writer_name(replay)} should have the marker.",
        )
    return committed


def first_marker(lease: Lease, replay: Replay, writer: TransactionalWriter, committed: int) -> None:
    """See to it that Kafka has a marker before the next record is produced, and write down that it has.

    A transaction of its own commits it. Raises what the writer raises, LeaseLost.
    """
    missing = writer.marker is None
    if missing:
        writer.begin()
        writer.commit(committed, {"attempt": MARKED, "digest": replay.plan.digest})
        failpoints.reach("after-first-marker")
    if missing or replay.marked_at is None:
        with lease.writing():
            replay.marked_at = timezone.now()
            replay.save(update_fields=["marked_at"])


def next_attempt(lease: Lease, replay: Replay, steps: range) -> ReplayAttempt:
    """Write down that a transaction with the ordinals `steps` is about to begin. Raises LeaseLost."""
    with lease.writing():
        number = replay.attempts.count() + 1
        return ReplayAttempt.objects.create(
            replay=replay, number=number, first_ordinal=steps.start, stop_ordinal=steps.stop
        )


def attempt_aborted(lease: Lease, attempt: ReplayAttempt) -> None:
    """Write down that the brokers confirmed the abort of an attempt whose commit was never asked for."""
    with lease.writing():
        still_open = ReplayAttempt.objects.filter(pk=attempt.pk, outcome=AttemptOutcome.OPEN)
        still_open.update(outcome=AttemptOutcome.ABORTED, ended_at=timezone.now())


_WHAT_TO_DO = (
    "Nothing more is written, so that nothing arrives twice. The promotion's page asks the target what has arrived; a "
    "release manager then reconciles, and the replay goes on from there."
)
