"""Make the database say what Kafka's marker says. The database's own progress is only a copy of it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from promotion.actions import audit
from promotion.actions.lease import Lease
from promotion.errors import Incomplete
from promotion.kafka.marker import Marker
from promotion.models import Installation, Replay, ReplayAttempt
from promotion.states import AttemptOutcome

#: Kafka forgets a marker after 7 days by default. After this long, a missing one no longer proves anything.
MARKER_TRUSTED = timedelta(days=1)


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
    believable = (
        attempt is not None
        and attempt.outcome != AttemptOutcome.ABORTED
        and marker.metadata.get("digest") == replay.plan.digest
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
    """Return what has arrived although Kafka has no marker: nothing, or what a person has established since.

    A person's word counts for the attempts that there were. Those after it are judged like those of a replay that
    nobody has spoken about. Raises Incomplete.
    """
    said = replay.reconciliations.first()
    committed, last_attempt = (said.committed, said.last_attempt) if said is not None else (0, 0)
    later = replay.attempts.filter(number__gt=last_attempt)
    if replay.committed != committed or later.filter(outcome=AttemptOutcome.COMMITTED).exists():
        raise Incomplete(
            f"The database shows {replay.committed:,} committed records, and Kafka's marker of them is gone.",
            f"{_WHAT_TO_DO} Group {writer_name(replay)} should have the marker.",
        )
    # Receipts are stored before the commit is asked for: without them there was none.
    trusted_since = timezone.now() - MARKER_TRUSTED
    doubtful = later.filter(outcome=AttemptOutcome.OPEN, produced__gt=0, started_at__lt=trusted_since).first()
    if doubtful is not None:
        raise Incomplete(
            f"Attempt {doubtful.number} was about to commit at {doubtful.started_at:%Y-%m-%d %H:%M} UTC, and so long "
            "after it the missing marker does not prove that it failed: Kafka forgets markers.",
            _WHAT_TO_DO,
        )
    return committed


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
