"""Subcommands of `manage.py promotion`: verify, reconcile."""

from __future__ import annotations

from typing import Any

from promotion import jobs
from promotion.actions.receipt import VERIFICATION, replay_of
from promotion.actions.reconcile import reconcile
from promotion.actions.verify import request_verify
from promotion.errors import Conflict, Incomplete, NotFound
from promotion.management.answers import Answer, job_answer
from promotion.management.base import actor, add_common, end_with, promotion, wait_for
from promotion.models import Promotion, PromotionJob, Replay
from promotion.policy import Actor
from promotion.states import JobKind, VerificationVerdict

_FAULTS = "The receipt's page shows what is wrong, with its positions."
_UNFINISHED = "The replay has not finished: `replay` goes on with it, after `reconcile` where its marker is lost."


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser("verify", help="Read the target back and compare it with what was replayed.")
    parser.add_argument("id", type=int)
    parser.add_argument("--as", dest="actor", metavar="USER", help="Who does it; without it, whoever replayed.")
    parser.add_argument("--no-wait", action="store_true", help="Do not wait until a worker has done it.")
    add_common(parser)
    parser.set_defaults(handler=_verify)
    parser = subparsers.add_parser("reconcile", help="Say how much has arrived of a replay whose marker is lost.")
    parser.add_argument("id", type=int)
    parser.add_argument("--committed", type=int, required=True, metavar="N", help="The first N events have arrived.")
    parser.add_argument("--reason", required=True)
    add_common(parser, user=True)
    parser.set_defaults(handler=_reconcile)


def _verify(options: dict[str, Any]) -> Answer | None:
    found = promotion(options)
    replay = replay_of(found)
    if replay is None:
        raise NotFound(f"Promotion {found.pk} was not replayed.", "Replay it first.")
    job = _job(actor(options) if options["actor"] else replay.started_by, found)
    if options["no_wait"]:
        return {"promotion": found.pk, "verdict": None, "job": job_answer(job)}
    wait_for(job)
    return _answer(found, replay)


def _job(user: Actor, found: Promotion) -> PromotionJob:
    """The verification to wait for: one that runs already, as it does after each replay, is as good as a new one."""
    try:
        return jobs.enqueue(request_verify(user, found))
    except Conflict:
        active = found.jobs.active().filter(kind=JobKind.VERIFY).select_related("requested_by").first()
        if active is None:
            raise
        return active


def _answer(found: Promotion, replay: Replay) -> Answer | None:
    newest = replay.verifications.first()
    assert newest is not None, "the job has ended well"
    answer = {"promotion": found.pk, **{name: getattr(newest, name) for name in VERIFICATION}}
    if newest.verdict == VerificationVerdict.VERIFIED:
        return answer
    # The numbers belong to the error: a script reads one document.
    problems = [f"{each['kind']}: source {each['source']}. {each['what']}" for each in newest.faults]
    error = Incomplete(
        f"The target is not verified: {newest.get_verdict_display().lower()}.",
        _FAULTS if replay.finished_at else _UNFINISHED,
    )
    return end_with(error, answer | {"problems": problems})


def _reconcile(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    made = reconcile(actor(options), found, options["committed"], options["reason"])
    return {"promotion": found.pk, "committed": made.committed, "planned": made.replay.plan.steps_count}
