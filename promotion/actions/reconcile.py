"""A person says how much of a replay has arrived whose marker Kafka has lost; the target itself is the evidence."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from promotion.actions import audit
from promotion.actions.receipt import replay_of
from promotion.errors import Conflict, InvalidInput, Refused
from promotion.models import Promotion, Reconciliation, Replay, Verification
from promotion.policy import MANAGE, Actor, require
from promotion.states import AttemptOutcome, PromotionState

STATES = (PromotionState.REPLAY_FAILED, PromotionState.PARTLY_REPLAYED)
MAX_REASON = 2_000


def reconcile(actor: Actor, promotion: Promotion, committed: int, reason: str) -> Reconciliation:
    """Make the database say that the first `committed` events have arrived, as the newest evidence has it.

    The replay then goes on behind them (replay_marker). Raises Refused with every objection of the evidence, Conflict
    where a job is active, InvalidInput without a reason.
    """
    require(actor, MANAGE)
    reason = _reason(reason)
    with transaction.atomic():
        # Nobody starts a job meanwhile: that moves the promotion, and waits here.
        locked = Promotion.objects.select_for_update().get(pk=promotion.pk)
        replay = _replay(locked)
        evidence = evidence_of(replay)
        problems = objections(replay, evidence)
        if evidence is not None and committed != evidence.arrived_prefix:
            problems.append(f"{evidence.arrived_prefix:,} events have arrived, not {committed:,}.")
        if evidence is None or problems:
            what = f"What has arrived of promotion {promotion.pk} is not established."
            raise Refused(what, "Read the target once more, then look at the evidence again.", problems)
        made = Reconciliation.objects.create(
            replay=replay,
            evidence=evidence,
            committed=committed,
            reason=reason,
            by=actor,
            last_attempt=replay.attempts.count(),
        )
        before = {"committed": replay.committed}
        _agree(replay, committed)
        audit.record(actor, "reconcile", promotion, before=before, after={"committed": committed}, reason=reason)
    return made


def evidence_of(replay: Replay) -> Verification | None:
    """Return the newest verification of `replay` if it is newer than all its attempts, else None."""
    newest = replay.verifications.first()
    last = replay.attempts.aggregate(at=Max("started_at"))["at"]
    return newest if newest is not None and (last is None or newest.at > last) else None


def objections(replay: Replay, evidence: Verification | None) -> list[str]:
    """Return why the evidence does not tell where the replay could go on; empty where it does."""
    if evidence is None:
        return ["The target was not read since the last attempt."]
    wrong = (
        (evidence.arrived_beyond, f"arrived behind event {evidence.arrived_prefix + 1:,}, which has not"),
        (evidence.duplicated, "arrived more than once"),
        (evidence.reordered, "arrived out of order"),
        (evidence.altered, "arrived other than planned"),
        (evidence.expired, "may have arrived and been deleted by retention since"),
    )
    return [f"{_events(count)} {what}." for count, what in wrong if count]


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def _replay(promotion: Promotion) -> Replay:
    if promotion.jobs.active().exists():
        raise Conflict(f"Promotion {promotion.pk} has a job that is queued or running.", "Wait until it ends.")
    replay = replay_of(promotion)
    if promotion.state not in STATES or replay is None:
        raise Refused(
            f"Promotion {promotion.pk} is {promotion.get_state_display().lower()}: there is nothing to reconcile.",
            "Only a replay that failed, or ended half-way, can be reconciled.",
        )
    return replay


def _agree(replay: Replay, committed: int) -> None:
    """Make the database agree. The records of an open attempt arrived together or not at all."""
    for attempt in replay.attempts.filter(outcome=AttemptOutcome.OPEN):
        last = attempt.receipts.aggregate(n=Max("ordinal"))["n"]
        arrived = last is not None and last < committed
        attempt.outcome = AttemptOutcome.COMMITTED if arrived else AttemptOutcome.ABORTED
        attempt.ended_at = timezone.now()
        attempt.save(update_fields=["outcome", "ended_at"])
    replay.committed = committed
    replay.save(update_fields=["committed"])


def _reason(text: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput("Reconciling needs a reason.", "Say what you looked at, for those who read it in a year.")
    if len(text) > MAX_REASON or "\0" in text:
        raise InvalidInput(f"The reason has more than {MAX_REASON:,} characters, or U+0000.", "Make it shorter.")
    return text
