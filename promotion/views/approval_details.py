"""What a page shows of a plan's approval: how it stands, who could approve it, and the forms this user may fill in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.models import User

from promotion.actions import approval_rule as rule
from promotion.actions.stale import local_reasons
from promotion.forms.approvals import ApproveForm, ReasonForm, SubmitForm
from promotion.models import Plan
from promotion.policy import APPROVE, MANAGE, may
from promotion.states import PlanState

#: What was posted and came back: its name and its bound form.
Decided = tuple[str, forms.Form]


def described(user: User, plan: Plan, decided: Decided | None = None) -> dict[str, Any]:
    """Return what `promotion/plans/_approval.html` shows. `decided` takes the place of the empty form of its name."""
    out, words = rule.excluded(plan), rule.standing(plan)
    shown = _forms(user, plan)
    waits = plan.state in {PlanState.READY, *rule.WAITING} or not rule.why_not(user, plan)
    if decided:
        # One form has the buttons to approve and to reject.
        name = {"reject": "approve"}.get(decided[0], decided[0])
        if name in shown:
            shown[name] = decided[1] if name == decided[0] else _rejected(plan, decided[1])
    return {
        "forms": shown,
        "kept": "" if decided is None or name in shown else decided[1].data.get("reason", ""),
        "needed": plan.promotion.target.approvers,
        "standing": [(word, rule.void(word, out)) for word in words],
        "count": len(rule.counting(plan)),
        "words": plan.approvals.select_related("by"),
        "open": waits,
        "could": rule.who_could(plan) if waits else [],
        "why_not": rule.why_not(user, plan),
        "says_why_not": may(user, APPROVE) and plan.state in rule.WAITING,
        "may_reject": _before_replay(plan),
        "takes_back": rule.takes_back(user, plan),
    }


def _forms(user: User, plan: Plan) -> dict[str, forms.Form]:
    """Return the empty forms by name: those of what this user may do to the plan now, if it still fits."""
    return {} if local_reasons(plan) else dict(_each_form(user, plan))


def _each_form(user: User, plan: Plan) -> Iterator[tuple[str, forms.Form]]:
    target = plan.promotion.target
    if plan.state == PlanState.READY and target.protected and not plan.problems and may(user, MANAGE):
        yield "submit", SubmitForm(auto_id="submit_%s")
    before = _before_replay(plan)
    if not rule.why_not(user, plan) or (before and may(user, APPROVE) and user.pk not in rule.excluded(plan)):
        yield "approve", ApproveForm(auto_id="approve_%s", target=target, initial={"digest": plan.digest})
    if before and rule.takes_back(user, plan):
        yield "withdraw", ReasonForm(auto_id="withdraw_%s")


def _before_replay(plan: Plan) -> bool:
    """Whether the plan can still be rejected and taken back."""
    return plan.state in rule.WAITING and not hasattr(plan, "replay")


def _rejected(plan: Plan, posted: forms.Form) -> ApproveForm:
    """Return the form of both decisions with what was posted to reject, which asks for no name."""
    form = ApproveForm(posted.data, auto_id="approve_%s", target=plan.promotion.target)
    form.errors.pop("typed_name", None)
    return form
