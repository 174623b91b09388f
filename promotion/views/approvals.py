"""Approvals: what waits for this user, and what they say of a plan."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from promotion.actions import approval_queue as queue
from promotion.actions import approval_rule as rule
from promotion.actions import approve as actions
from promotion.errors import InvalidInput, NotFound, PromotionError, Refused, Stale
from promotion.forms.approvals import ApproveForm, ReasonForm, RejectForm, SubmitForm
from promotion.models import Plan
from promotion.policy import APPROVE, MANAGE, VIEW, may, require
from promotion.states import PlanState
from promotion.views.shared import actor_of

STATUS = {Refused: 403, Stale: 409, InvalidInput: 422}
Act = Callable[[dict[str, Any]], Plan]


@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    """Show what waits for this user, and who could approve what they asked for themselves."""
    require(request.user, VIEW)
    user = actor_of(request)
    context = {
        "waiting": [(plan, len(rule.standing(plan))) for plan in queue.waiting_for(user)],
        "requests": [(plan, len(rule.standing(plan)), rule.who_could(plan)) for plan in queue.requests_of(user)],
        "others": len(queue.waiting_for_others(user)),
        "may_approve": may(user, APPROVE),
    }
    return render(request, "promotion/approvals/list.html", context)


@require_POST
def submit(request: HttpRequest, promotion_id: int, plan_id: uuid.UUID) -> HttpResponse:
    """Ask other people to approve the plan."""
    require(request.user, MANAGE)
    plan, form = _plan(promotion_id, plan_id), SubmitForm(request.POST, auto_id="submit_%s")
    return _decide(
        request, plan, "submit", form, lambda given: actions.submit(actor_of(request), plan, given["reason"])
    )


@require_POST
def approve(request: HttpRequest, promotion_id: int, plan_id: uuid.UUID) -> HttpResponse:
    """Approve the plan that the page showed."""
    require(request.user, APPROVE)
    plan = _plan(promotion_id, plan_id)
    form = ApproveForm(request.POST, auto_id="approve_%s", target=plan.promotion.target)

    def act(given: dict[str, Any]) -> Plan:
        return actions.approve(actor_of(request), plan, given["digest"], given["reason"], given["typed_name"])

    return _decide(request, plan, "approve", form, act)


@require_POST
def reject(request: HttpRequest, promotion_id: int, plan_id: uuid.UUID) -> HttpResponse:
    """Reject the plan that the page showed."""
    require(request.user, APPROVE)
    plan, form = _plan(promotion_id, plan_id), RejectForm(request.POST, auto_id="approve_%s")

    def act(given: dict[str, Any]) -> Plan:
        return actions.reject(actor_of(request), plan, given["digest"], given["reason"])

    return _decide(request, plan, "reject", form, act)


@require_POST
def withdraw(request: HttpRequest, promotion_id: int, plan_id: uuid.UUID) -> HttpResponse:
    """Take back an approval of one's own, or the submission."""
    require(request.user, VIEW)
    plan, form = _plan(promotion_id, plan_id), ReasonForm(request.POST, auto_id="withdraw_%s")
    if not rule.takes_back(actor_of(request), plan):
        raise Refused("Nothing of this plan is yours to take back.", "Its submitter or a release manager can.")
    return _decide(
        request, plan, "withdraw", form, lambda given: actions.withdraw(actor_of(request), plan, given["reason"])
    )


def _decide(request: HttpRequest, plan: Plan, name: str, form: forms.Form, act: Act) -> HttpResponse:
    """Do it and lead back to the plan; what cannot be done comes back as it was typed."""
    if not form.is_valid():
        return _again(request, plan, name, form, None, 422)
    try:
        done = act(form.cleaned_data)
    except (Refused, Stale, InvalidInput) as error:
        status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
        return _again(request, _plan(plan.promotion_id, plan.pk), name, form, error, status)
    messages.success(request, _said(name, done))
    return redirect("promotion:plan", promotion_id=done.promotion_id)


def _again(
    request: HttpRequest, plan: Plan, name: str, form: forms.Form, error: PromotionError | None, status: int
) -> HttpResponse:
    context = {"plan": plan, "promotion": plan.promotion, "decided": (name, form), "error": error}
    return render(request, "promotion/plans/decide.html", context, status=status)


def _said(name: str, plan: Plan) -> str:
    target = plan.promotion.target.name
    match name, plan.state:
        case "submit", _:
            return "The plan is submitted. Somebody who neither asked for it nor edited can approve it now."
        case "approve", PlanState.APPROVED:
            return f"The plan is approved: {plan.steps_count:,} events may go to {target}."
        case "approve", _:
            return "Your approval is noted. The plan waits for another one."
        case "reject", _:
            return "The plan is rejected. Another one has to be made."
        case _, PlanState.READY:
            return "The submission is taken back, and with it every approval."
        case _:
            return "Your approval is taken back."


def _plan(promotion_id: int, plan_id: uuid.UUID) -> Plan:
    related = ("promotion__source", "promotion__target", "promotion__owner", "created_by", "submitted_by")
    found = Plan.objects.select_related(*related).filter(pk=plan_id, promotion=promotion_id).first()
    if found is None:
        raise NotFound("There is no such plan.", "The page of the promotion shows its newest one.")
    return found
