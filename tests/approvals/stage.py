"""A protected target and a plan for it; ann and bob are approvers who have nothing to do with it."""

from typing import Any

from django.contrib.auth.models import User

from promotion.actions import approve as actions
from promotion.models import Approval, Plan, Promotion
from promotion.states import ApprovalVerdict, PlanState
from tests import cast

WHY = "It was read twice."


def promotion(approvers: int = 1, **fields: Any) -> Promotion:
    """Return a promotion of one event to the protected environment prod."""
    target = cast.environment("prod", order=40, protected=True, approvers=approvers)
    return cast.exported(target=target, **fields)


def submitted(approvers: int = 1, **fields: Any) -> Plan:
    """Return a plan that the release manager made and submitted."""
    return cast.plan(promotion(approvers), PlanState.SUBMITTED, **fields)


def ann() -> User:
    return cast.user("approver", "ann")


def bob() -> User:
    return cast.user("approver", "bob")


def approve(plan: Plan, by: User, **changes: str) -> Plan:
    """Approve `plan` as its page would, changed by the arguments."""
    given = {"digest": plan.digest, "reason": WHY, "typed_name": "prod", **changes}
    return actions.approve(by, plan, **given)


def state(plan: Plan) -> str:
    """Return the plan's state in the database."""
    return Plan.objects.values_list("state", flat=True).get(pk=plan.pk)


def words(plan: Plan) -> list[tuple[str, str]]:
    """Return what was said of the plan, in order."""
    return [
        (word.by.get_username(), ApprovalVerdict(word.verdict).value) for word in Approval.objects.filter(plan=plan)
    ]
