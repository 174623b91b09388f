"""Ask for a replay, and begin it: the gate through which every plan passes exactly once."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from promotion.actions import preflight, stale
from promotion.actions.approval_rule import check_approved
from promotion.actions.lease import Lease
from promotion.actions.plan import refuse
from promotion.actions.request import request_job
from promotion.domain.plan_choices import PlanChoices
from promotion.errors import Conflict, Refused, Stale
from promotion.models import Environment, Plan, Promotion, PromotionJob, Replay
from promotion.policy import MANAGE, Actor, require
from promotion.states import MAY_GO_STALE, JobKind, PlanState

#: A plan in one of these may become a replay: which one it has to be depends on the target.
STARTABLE = frozenset({PlanState.READY, PlanState.APPROVED})


def request_replay(
    actor: Actor,
    promotion: Promotion,
    *,
    plan: Plan | None = None,
    digest: str | None = None,
    choices: PlanChoices | None = None,
) -> PromotionJob:
    """Ask for the replay of `promotion` and return the job to enqueue.

    `plan` is the one to replay, `digest` what the person saw of it: Stale where that is another. Without a plan the
    newest one counts, and where there is none the job makes one with `choices` and goes on only if nothing is refused.
    A plan that nobody looked at before its replay gives way to a new one where it no longer fits. Raises Refused where
    the database alone knows a reason (a protected target needs an approved plan), Stale, and Conflict where another
    job of this promotion runs, or another promotion is replayed to the same target.
    """
    require(actor, MANAGE)
    plan = plan or Plan.objects.of(promotion)
    if plan is not None and _gives_way(plan):
        plan = None
    if plan is not None:
        _check_seen(plan, digest)
        stale.refuse_stale(plan)
    with transaction.atomic():
        # Whoever edits holds this lock as well; and on one target one replay runs at a time, so that what a plan was
        # compared with is what it meets.
        locked = Promotion.objects.select_for_update(of=["self"]).with_environments().get(pk=promotion.pk)
        target = Environment.objects.select_for_update().get(pk=locked.target_id)
        arguments: dict[str, Any]
        if plan is None:
            _check_direct(locked, choices or PlanChoices())
            arguments = {"choices": (choices or PlanChoices()).to_json()}
        else:
            check_startable(plan)
            arguments = {"plan": str(plan.pk)}
        job = request_job(actor, locked, JobKind.REPLAY, arguments)
        _check_alone(job, target)
    promotion.refresh_from_db()
    return job


def check_startable(plan: Plan) -> None:
    """Raise Refused, with what has to happen first, unless `plan` may be replayed or already is.

    A protected target needs an approved plan, in every attempt: no state of the plan stands in for the approvals.
    """
    plan.refresh_from_db(fields=["state", "digest", "submitted_by"])
    refuse(plan)
    if plan.promotion.target.protected:
        check_approved(plan)
    elif plan.state not in {*STARTABLE, PlanState.STARTED}:
        raise Refused(
            f"The plan of promotion {plan.promotion_id} is {plan.get_state_display().lower()}: it cannot be replayed.",
            "Make a new plan." if plan.state != PlanState.SUBMITTED else "Withdraw it, or wait for the approval.",
        )


def begin(lease: Lease, plan: Plan) -> Replay:
    """Return the plan's replay, begun now unless it was before.

    Raises Stale where plan and target have parted since it was made, Refused where it may not go out, LeaseLost.
    """
    before = {}
    if plan.state in MAY_GO_STALE:
        stale.refuse_stale(plan)
        before = stale.check_target(lease, plan)
    with lease.writing():
        # With the plan's row locked: a submission that is taken back in this very moment would turn it ready again.
        check_startable(Plan.objects.select_for_update(of=["self"]).select_related("promotion__target").get(pk=plan.pk))
        if not Plan.objects.move(plan.pk, STARTABLE, PlanState.STARTED):
            _check_started(plan)
        values = {"started_by": lease.job.requested_by, "before": {str(p): end for p, end in before.items()}}
        replay, _ = Replay.objects.get_or_create(plan=plan, defaults=values)
    return replay


def _check_started(plan: Plan) -> None:
    plan.refresh_from_db(fields=["state"])
    if plan.state != PlanState.STARTED:
        raise Stale(
            f"The plan of promotion {plan.promotion_id} is {plan.get_state_display().lower()} by now.",
            f"{preflight.NOTHING_WRITTEN} {stale.MAKE_A_NEW_ONE}",
        )


def _gives_way(plan: Plan) -> bool:
    """Whether a direct replay passes over this plan: nobody looked at it, and it does not fit any more."""
    unseen = bool(plan.inputs.get("direct")) and plan.state != PlanState.STARTED
    return unseen and (plan.state not in STARTABLE or bool(stale.local_reasons(plan)))


def _check_seen(plan: Plan, digest: str | None) -> None:
    if digest is not None and digest != plan.digest:
        raise Stale(
            "The plan is another one than this page showed.", "Nothing was started. Look at the new plan, then replay."
        )


def _check_direct(promotion: Promotion, choices: PlanChoices) -> None:
    if promotion.target.protected:
        raise Refused(
            f"{promotion.target.name} is protected: nobody acts alone on it.",
            "Make a plan and submit it. Somebody else approves it, then it can be replayed.",
        )
    preflight.check_promotion(promotion, choices.accept_incomplete)


def _check_alone(job: PromotionJob, target: Environment) -> None:
    others = PromotionJob.objects.active().filter(kind=JobKind.REPLAY, promotion__target=target).exclude(pk=job.pk)
    other = others.first()
    if other is not None:
        raise Conflict(
            f"Promotion {other.promotion_id} is being replayed to {target.name}.", "Start this one when that has ended."
        )
