"""Replay a promotion."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from promotion.actions.replay_start import request_replay
from promotion.domain.plan_choices import PlanChoices
from promotion.errors import Conflict, PromotionError, Refused, Stale
from promotion.forms.replays import ReplayForm
from promotion.models import Plan, Promotion, Replay
from promotion.models.environment import ConsumersRead
from promotion.policy import MANAGE, VIEW, may, require
from promotion.states import STARTS, JobKind, PlanState, PromotionState, Verdict
from promotion.views.choice_words import chosen, mode_words
from promotion.views.plan_state import Standing, hidden, standing
from promotion.views.shared import actor_of, enqueue, promotion_of

FOLDER = "promotion/replays"


@require_http_methods(["GET", "HEAD", "POST"])
def replay(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show what the plan says, and start its replay. What is refused at once comes back with every reason."""
    require(request.user, MANAGE if request.method == "POST" else VIEW)
    promotion = promotion_of(promotion_id)
    if request.method == "POST":
        return _start(request, promotion)
    match promotion.state:
        case PromotionState.REPLAYED:
            return redirect("promotion:receipt", promotion_id=promotion_id)
        case PromotionState.REPLAYING:
            return redirect(promotion)
    return _page(request, promotion, Plan.objects.of(promotion), ReplayForm(promotion.target))


def _start(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    plan, form = Plan.objects.of(promotion), ReplayForm(promotion.target, request.POST)
    if plan is None or not form.is_valid():
        return _page(request, promotion, plan, form, status=422)
    try:
        job = request_replay(actor_of(request), promotion, plan=plan, digest=form.cleaned_data["digest"])
    except (Stale, Conflict) as error:
        return _page(request, promotion, Plan.objects.of(promotion), form, error, 409)
    except Refused as error:
        return _page(request, promotion, plan, form, error, 422)
    enqueue(request, job)
    return redirect(promotion)


def _page(
    request: HttpRequest,
    promotion: Promotion,
    plan: Plan | None,
    form: ReplayForm,
    error: PromotionError | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "promotion": promotion,
        "plan": plan,
        "form": form,
        "error": error,
        "uncommitted": promotion.target.consumers_read == ConsumersRead.UNCOMMITTED,
        "may_manage": may(request.user, MANAGE),
    }
    if plan is not None:
        context |= _planned(promotion, plan, error)
    return render(request, f"{FOLDER}/replay.html", context, status=status)


def _planned(promotion: Promotion, plan: Plan, error: PromotionError | None) -> dict[str, Any]:
    stands, choices = standing(plan), PlanChoices.from_json(plan.choices)
    last = promotion.jobs.filter(kind=JobKind.REPLAY).first()
    begun = Replay.objects.filter(plan=plan).first()
    arrived = begun.committed if begun is not None else 0
    return {
        "standing": stands,
        "startable": _startable(promotion, stands),
        "same": hidden(plan),
        "arrived": arrived,
        "left": plan.steps_count - arrived,
        "mode": mode_words(choices),
        "chosen": chosen(plan),
        "verdicts": [(each, plan.counts[each.value]) for each in Verdict if plan.counts.get(each.value)],
        "last": last if last and last.error and error is None and last.created_at > plan.created_at else None,
        "last_title": f"The last replay did not go through: {last.error}" if last else "",
    }


def _startable(promotion: Promotion, stands: Standing) -> bool:
    """Whether the plan may be replayed as it stands: on a protected target only if it is approved."""
    if promotion.state not in STARTS[JobKind.REPLAY][0]:
        return False
    if promotion.target.protected:
        return stands.state in {PlanState.APPROVED, PlanState.STARTED}
    return stands.state in {PlanState.READY, PlanState.APPROVED, PlanState.STARTED}
