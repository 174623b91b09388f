"""Read the target back after a replay: is everything there, once, in order, as it was planned?

Of a replay that did not finish the same reading says what has arrived, for a person to decide how it goes on
(docs/decisions/0013-verification.md). Every verification is kept.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from promotion.actions import audit, verify_read
from promotion.actions.lease import Lease
from promotion.actions.part_lease import PartLease
from promotion.actions.parts import Call, Do, nobody
from promotion.actions.receipt import replay_of
from promotion.actions.request import insert_job, request_job
from promotion.actions.verify_plan import judge_absent
from promotion.actions.verify_read import read_back
from promotion.domain.verify import Fault, Kind, Matcher, Window
from promotion.errors import Conflict, Refused
from promotion.models import Promotion, PromotionJob, Replay, Verification
from promotion.policy import MANAGE, VIEW, Actor, require
from promotion.states import JobKind, JobState, PromotionState, VerificationVerdict

logger = logging.getLogger(__name__)

#: A replay that ended longer ago is verified when somebody asks for it.
FOLLOWED_UP = timedelta(days=1)
FAULTY = (Kind.MISSING, Kind.DUPLICATED, Kind.REORDERED, Kind.ALTERED)
SAID = {
    VerificationVerdict.VERIFIED: "verified",
    VerificationVerdict.FAILED: "found faults",
    VerificationVerdict.INCOMPLETE: "verified in part",
}


def request_verify(actor: Actor, promotion: Promotion) -> PromotionJob:
    """Ask for the target to be read back and return the job to enqueue.

    Whoever sees the console may have a finished replay verified. Of any other one the producer is fenced as well and
    the next attempt has to wait, so that is for those who replay. Raises Refused where nothing was sent, Conflict.
    """
    require(actor, VIEW)
    replay = replay_of(promotion)
    if replay is None or not replay.attempts.exists():
        raise Refused(f"Nothing of promotion {promotion.pk} was sent to {promotion.target.name}.", "Replay it first.")
    permission = VIEW if promotion.state == PromotionState.REPLAYED else MANAGE
    return request_job(actor, promotion, JobKind.VERIFY, permission=permission)


def follow_up(job: PromotionJob) -> PromotionJob | None:
    """Return the verification to enqueue after `job`; None where it is no replay that succeeded, or one runs already.

    It is made in the name of whoever replayed, whatever they may do by now: the proof belongs to the replay.
    """
    if PromotionJob.objects.filter(pk=job.pk, kind=JobKind.REPLAY, state=JobState.SUCCEEDED).first() is None:
        return None
    assert job.promotion is not None, "a replay is about a promotion"
    try:
        return insert_job(job.requested_by, job.promotion, JobKind.VERIFY)
    except (Conflict, Refused) as error:
        logger.info("promotion %s: no verification now: %s", job.promotion_id, error.message)
        return None


def unproven() -> list[PromotionJob]:
    """Return the replays that succeeded without a verification having been asked for: somebody died in between."""
    asked = PromotionJob.objects.filter(
        kind=JobKind.VERIFY, promotion=OuterRef("promotion"), created_at__gte=OuterRef("ended_at")
    )
    busy = PromotionJob.objects.active().filter(promotion=OuterRef("promotion"))
    replays = PromotionJob.objects.filter(
        kind=JobKind.REPLAY,
        state=JobState.SUCCEEDED,
        ended_at__gt=timezone.now() - FOLLOWED_UP,
        promotion__state=PromotionState.REPLAYED,
    )
    return list(replays.exclude(Exists(asked)).exclude(Exists(busy)).select_related("promotion", "requested_by"))


def run(lease: Lease, call: Call = nobody) -> None:
    """Do the job: one more Verification, whatever it says. Raises as `read_back` does, and LeaseLost."""
    replay = _replay(lease.promotion)
    matcher, window = read_back(lease, replay, call)
    judge_absent(lease, replay, matcher, window, replay.committed)
    found = _conclude(replay, matcher, window)
    with lease.writing():
        Verification.objects.create(replay=replay, requested_by=lease.job.requested_by, **found)
        # The picture of the partitions is drawn from it; the verdict does not hang on it.
        arguments = lease.job.arguments | {"found": {str(p): n for p, n in sorted(matcher.found_at.items())}}
        PromotionJob.objects.filter(pk=lease.job.pk).update(arguments=arguments)
        numbers = {name: value for name, value in found.items() if type(value) is int and value}
        verb = SAID[found["verdict"]]
        audit.record(lease.job.requested_by, verb, lease.promotion, after={"verdict": found["verdict"], **numbers})


def helping(first: PartLease) -> AbstractContextManager[Do]:
    """Return what does parts of somebody else's verification; `first` is one of them, and is held meanwhile."""
    return verify_read.helping(first, _replay(first.promotion))


def _replay(promotion: Promotion) -> Replay:
    replay = Replay.objects.select_related("plan__promotion__target", "plan__promotion__export")
    found = replay.filter(plan__promotion=promotion).order_by("-started_at").first()
    if found is None:
        raise Refused(f"Promotion {promotion.pk} has no replay to verify.", "Replay it first.")
    return found


def _conclude(replay: Replay, matcher: Matcher, window: Window) -> dict[str, Any]:
    return {
        "verdict": _verdict(replay, matcher),
        "starts": {str(partition): offset for partition, offset in window.starts.items()},
        "ends": {str(partition): offset for partition, offset in window.ends.items()},
        "expected": replay.committed,
        "found": matcher.found,
        "foreign": matcher.foreign,
        **{kind.value: matcher.counts[kind] for kind in Kind},
        "arrived_prefix": matcher.arrived_prefix,
        "arrived_beyond": matcher.arrived_beyond,
        "faults": [_fault(fault) for fault in matcher.faults],
    }


def _verdict(replay: Replay, matcher: Matcher) -> VerificationVerdict:
    if any(matcher.counts[kind] for kind in FAULTY):
        return VerificationVerdict.FAILED
    if matcher.counts[Kind.EXPIRED] or replay.finished_at is None:
        return VerificationVerdict.INCOMPLETE
    return VerificationVerdict.VERIFIED


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "kind": fault.kind.value,
        "ordinal": fault.ordinal,
        "source": "{}:{}".format(*fault.source),
        "target": "{}:{}".format(*fault.target) if fault.target is not None else "",
        "what": fault.what,
    }
