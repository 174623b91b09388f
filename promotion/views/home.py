"""Home: the environments in order, what runs, what waits, and the way to a new promotion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.db.models import F, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from promotion.actions.approval_queue import waiting_for
from promotion.models import Environment, EventType, Plan, Promotion, PromotionJob
from promotion.policy import ENVIRONMENTS, MANAGE, VIEW, Actor, may, require
from promotion.states import PlanState, PromotionState
from promotion.views.environment_details import health_chips

#: What a promotion in this state waits for: what is to be done next, in two or three words.
NEXT = {
    PromotionState.DRAFT: "Start the export",
    PromotionState.EXPORT_FAILED: "Go on with the export",
    PromotionState.IMPORT_FAILED: "Go on with the import",
    PromotionState.EXPORT_CANCELLED: "Go on with the export",
    PromotionState.EXPORTED: "Edit, then make the plan",
    PromotionState.REPLAY_FAILED: "Go on with the replay",
    PromotionState.PARTLY_REPLAYED: "Go on with the replay",
}
#: The same of an exported promotion that has a plan.
NEXT_OF_PLAN = {
    PlanState.REFUSED: "See what is refused",
    PlanState.READY: "Replay, or submit the plan",
    PlanState.SUBMITTED: "Waits for approval",
    PlanState.APPROVED: "Replay",
    PlanState.REJECTED: "See why the plan was rejected",
    PlanState.STALE: "Make a new plan",
}
ROWS = 8


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show how everything stands."""
    require(request.user, VIEW)
    environments = list(Environment.objects.all())
    running = list(_active())
    context = {
        "stages": stages(environments, running),
        "running": running,
        "approvals": waiting_for(cast(Actor, request.user))[:ROWS],
        "waiting": _waiting(request),
        "recent": Promotion.objects.with_environments()[:ROWS],
        "undecided": EventType.objects.undecided().count(),
        "types": EventType.objects.exists(),
        "routes": any(e.may_be_source for e in environments) and any(e.may_be_target for e in environments),
        "targets": any(each.may_be_target for each in environments),
        "may_manage": may(request.user, MANAGE),
        "may_change_environments": may(request.user, ENVIRONMENTS),
    }
    return render(request, "promotion/home/home.html", context)


def stages(environments: Sequence[Environment], running: Sequence[PromotionJob]) -> list[dict[str, Any]]:
    """Return the pipeline: each environment with its health, what came here last, what goes on there now."""
    last = _last_replayed()
    return [
        {
            "environment": each,
            "health": list(health_chips(each.check_findings).items()),
            "last": last.get(each.pk),
            "running": [job for job in running if job.promotion and each.pk in _sides(job.promotion)],
            "next": next((t for t in environments if t.may_be_target and t.order > each.order), None),
        }
        for each in environments
    ]


def _sides(promotion: Promotion) -> tuple[int | None, int]:
    return promotion.source_id, promotion.target_id


def _last_replayed() -> dict[int, Promotion]:
    """Return the promotion that was replayed last to each environment, by the environment's id."""
    replayed = Promotion.objects.filter(state=PromotionState.REPLAYED)
    rows = replayed.annotate(replayed_at=F("plans__replay__finished_at"))
    newest = rows.order_by("target_id", F("replayed_at").desc(nulls_last=True), "-pk").distinct("target_id")
    return {each.target_id: each for each in newest}


def _active() -> Any:
    jobs = PromotionJob.objects.active().filter(promotion__isnull=False)
    return jobs.select_related("promotion__source", "promotion__target", "requested_by")[:ROWS]


def _waiting(request: HttpRequest) -> list[tuple[Promotion, str]]:
    """Return what waits for this user, the newest first."""
    newest = Plan.objects.filter(promotion=OuterRef("pk")).order_by("-created_at").values("state")[:1]
    mine = Promotion.objects.with_environments().filter(owner_id=request.user.pk, state__in=NEXT)
    return [(each, _next(each)) for each in mine.annotate(plan_state=Subquery(newest))[:ROWS]]


def _next(promotion: Any) -> str:
    planned = NEXT_OF_PLAN.get(promotion.plan_state) if promotion.state == PromotionState.EXPORTED else None
    return planned or NEXT[PromotionState(promotion.state)]
