"""Submit a plan, approve or reject it, take either back. Each is one transaction with the plan's row locked.

What somebody says is about the plan's digest and dies with the plan: a change makes another plan, which starts anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone

from promotion.actions import audit, stale
from promotion.actions.approval_rule import REPLACING, WAITING, enough, takes_back, who_could_say, why_not
from promotion.errors import InvalidInput, Refused, Stale
from promotion.forms.approvals import MAX_REASON
from promotion.models import Approval, Plan, Replay
from promotion.policy import APPROVE, MANAGE, Actor, require
from promotion.states import ApprovalVerdict, PlanState

NEW_PLAN = "Look at the newest plan of this promotion, or make one."
_DEAD = frozenset({PlanState.STALE, PlanState.SUPERSEDED})


def submit(actor: Actor, plan: Plan, reason: str = "") -> Plan:
    """Ask other people to approve `plan`, and return it as it then is.

    Raises Refused without the permission, for a target that is not protected, and for a plan that is refused or waits
    already; Stale where it no longer fits.
    """
    require(actor, MANAGE)
    text = _text(reason)
    stale.refuse_stale(_read(plan))
    with _locked(plan) as locked:
        _check_submittable(locked)
        values = {"submitted_by": actor, "submitted_at": timezone.now(), "submit_reason": text}
        if not Plan.objects.move(locked.pk, frozenset({PlanState.READY}), PlanState.SUBMITTED, **values):
            raise _wrong_state(locked, "submitted")
        _record(actor, "submit", locked, text)
    return _read(plan)


def approve(actor: Actor, plan: Plan, digest: str, reason: str, typed_name: str) -> Plan:
    """Approve `plan`, whose digest the approver saw as `digest`; return it, approved where enough people have.

    `typed_name` is the target's, if that is protected. Raises Refused, with who could, for whoever asked for it or
    edited, superusers included; Stale where the plan no longer fits or is another; InvalidInput without a reason or
    with another name.
    """
    require(actor, APPROVE)
    text = _reason(reason)
    stale.refuse_stale(_read(plan))
    with _locked(plan) as locked:
        _check_digest(locked, digest)
        if said := why_not(actor, locked):
            raise Refused(said, who_could_say(locked) if locked.state in WAITING | REPLACING else "")
        _check_name(locked, typed_name)
        say(actor, locked, ApprovalVerdict.APPROVE, text)
        if enough(locked):
            Plan.objects.move(locked.pk, frozenset({PlanState.SUBMITTED}), PlanState.APPROVED)
        _record(actor, "approve", locked, text)
    return _read(plan)


def reject(actor: Actor, plan: Plan, digest: str, reason: str) -> Plan:
    """Reject `plan` for good, also one that others have approved, as long as its replay has not begun.

    Raises as `approve` does; people may reject what they asked for.
    """
    require(actor, APPROVE)
    text = _reason(reason)
    with _locked(plan) as locked:
        _check_digest(locked, digest)
        _check_no_replay(locked)
        say(actor, locked, ApprovalVerdict.REJECT, text)
        if not Plan.objects.move(locked.pk, WAITING, PlanState.REJECTED):
            raise _wrong_state(locked, "rejected")
        _record(actor, "reject", locked, text)
    return _read(plan)


def withdraw(actor: Actor, plan: Plan, reason: str) -> Plan:
    """Take back one's own approval, else the submission; return the plan, which waits again, or is ready as before.

    The submission is its author's and every release manager's to take back, and all approvals end with it. Raises
    Refused where neither is the actor's or the replay has begun, InvalidInput without a reason.
    """
    text = _reason(reason)
    with _locked(plan) as locked:
        what = takes_back(actor, locked)
        if not what:
            raise Refused(
                f"{actor.get_username()} has not approved this plan and may not take its submission back.",
                "Its submitter or a release manager can.",
            )
        _check_no_replay(locked)
        if locked.state not in WAITING:
            raise _wrong_state(locked, "taken back")
        say(actor, locked, ApprovalVerdict.WITHDRAW, text)
        if what == "submission":
            values = {"submitted_by": None, "submitted_at": None, "submit_reason": ""}
            Plan.objects.move(locked.pk, WAITING, PlanState.READY, **values)
        elif not enough(locked):
            Plan.objects.move(locked.pk, WAITING, PlanState.SUBMITTED)
        _record(actor, f"withdraw {what}", locked, text)
    return _read(plan)


def say(actor: Actor, plan: Plan, verdict: ApprovalVerdict, reason: str) -> Approval:
    """Write one word about `plan`. Raises Refused where the database's own rule does not take it.

    That happens where somebody became an editor after the actions above had looked.
    """
    try:
        with transaction.atomic():
            return Approval.objects.create(plan=plan, digest=plan.digest, verdict=verdict, reason=reason, by=actor)
    except IntegrityError as error:
        raise Refused(f"The database refuses it: {str(error).splitlines()[0]}.", who_could_say(plan)) from error


def _read(plan: Plan) -> Plan:
    return Plan.objects.select_related("promotion__target", "created_by", "submitted_by").get(pk=plan.pk)


@contextmanager
def _locked(plan: Plan) -> Iterator[Plan]:
    """The plan as it is now, its row locked to the transaction's end. Raises Stale for one that counts no longer."""
    with transaction.atomic():
        rows = Plan.objects.select_related("promotion__target", "created_by", "submitted_by")
        locked = rows.select_for_update(of=("self",)).get(pk=plan.pk)
        if locked.state in _DEAD:
            raise Stale(f"The plan {locked.digest[:12]} is {locked.get_state_display().lower()}.", NEW_PLAN)
        yield locked


def _check_submittable(plan: Plan) -> None:
    target = plan.promotion.target
    if not target.protected:
        raise Refused(f"{target.name} is not protected: a plan for it needs no approval.", "Replay it.")
    if plan.problems or plan.state == PlanState.REFUSED:
        raise Refused(
            "The plan is refused: it cannot be approved as it is.",
            "Mend what it names, then make a new plan.",
            [str(problem) for problem in plan.problems],
        )


def _check_digest(plan: Plan, digest: str) -> None:
    if digest != plan.digest:
        raise Stale("What you looked at is not this plan: its digest is another.", NEW_PLAN)


def _check_name(plan: Plan, typed_name: str) -> None:
    target = plan.promotion.target
    if target.protected and typed_name != target.name:
        raise InvalidInput("What was typed is not the target's name.", f"To approve, type: {target.name}")


def _check_no_replay(plan: Plan) -> None:
    if Replay.objects.filter(plan=plan).exists():
        raise Refused("The replay of this plan has begun: nothing can be taken back.", "Cancel the replay to stop it.")


def _wrong_state(plan: Plan, done: str) -> Refused:
    return Refused(f"The plan is {plan.get_state_display().lower()}: it cannot be {done}.")


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("A reason is needed.", "Say why, for those who read it in a year.")
    return _text(reason)


def _text(reason: str) -> str:
    reason = reason.strip()
    if len(reason) > MAX_REASON:
        raise InvalidInput(f"The reason has {len(reason):,} characters; at most {MAX_REASON:,} are kept.")
    if "\0" in reason:
        raise InvalidInput("The reason holds the character U+0000.", "Take it out.")
    return reason


def _record(actor: Actor, verb: str, plan: Plan, reason: str) -> None:
    plan.refresh_from_db(fields=["state"])
    after = {"plan": str(plan.pk), "digest": plan.digest, "state": plan.state}
    audit.record(actor, verb, plan.promotion, after=after, reason=reason)
