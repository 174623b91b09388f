"""Home: the pipeline of environments with what has drifted between them, what runs, what waits, what was last."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, cast

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from promotion.actions.again import may_be_repeated
from promotion.actions.approval_queue import waiting_for
from promotion.actions.pipeline import next_target
from promotion.models import Environment, EventType, Plan, Promotion, PromotionJob, TopicSurvey
from promotion.policy import ENVIRONMENTS, MANAGE, VIEW, Actor, may, require
from promotion.states import PlanState, PromotionState
from promotion.views.edges import Edge, drifts, edge
from promotion.views.environment_details import health_chips
from promotion.views.histogram import topic_facts

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
    """Show how everything stands; asked for by htmx, only what has changed since."""
    require(request.user, VIEW)
    body = render_to_string("promotion/home/_overview.html", _overview(request), request)
    seen = sha256(body.encode()).hexdigest()[:16]
    if not request.headers.get("HX-Request"):
        template = "home.html"
    elif request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    else:
        template = "_live.html"
    context = {"overview": body, "seen": seen, **_may_begin(request)}
    return render(request, f"promotion/home/{template}", context)


def _may_begin(request: HttpRequest) -> dict[str, bool]:
    """What may be begun here: a way to go needs two environments, a file only one."""
    targets = Environment.objects.targets().exists()
    return {
        "targets": targets,
        "routes": targets and Environment.objects.sources().exists(),
        "may_manage": may(request.user, MANAGE),
    }


def _overview(request: HttpRequest) -> dict[str, Any]:
    environments = list(Environment.objects.all())
    running = list(_active())
    drawn = pipeline(environments, running)
    return {
        "pipeline": drawn,
        "other": other_ways(drawn, environments, running),
        "running": running,
        "approvals": waiting_for(cast(Actor, request.user))[:ROWS],
        "waiting": _waiting(request),
        "recent": [(each, may_be_repeated(each)) for each in Promotion.objects.with_environments()[:ROWS]],
        "undecided": EventType.objects.undecided().count(),
        "types": EventType.objects.exists(),
        "may_change_environments": may(request.user, ENVIRONMENTS),
        **_may_begin(request),
    }


def pipeline(environments: Sequence[Environment], running: Sequence[PromotionJob]) -> list[dict[str, Any]]:
    """Return the environments in order: each with its health, its topic, what goes on there, and where it leads to."""
    surveys = {each.environment_id: each for each in TopicSurvey.objects.all()}
    counted = drifts()
    drawn = []
    for each in environments:
        to = next_target(each, environments) if each.may_be_source else None
        drawn.append(
            {
                "environment": each,
                "health": list(health_chips(each.check_findings).items()),
                "topic": topic_facts(each, surveys.get(each.pk)),
                "running": [job for job in running if job.promotion and _only_here(job.promotion, each)],
                "edge": edge(each, to, counted.get((each.pk, to.pk)), running) if to is not None else None,
            }
        )
    return drawn


def other_ways(
    drawn: Sequence[dict[str, Any]], environments: Sequence[Environment], running: Sequence[PromotionJob]
) -> list[Edge]:
    """Return the ways that were counted and are no hop of the pipeline."""
    hops = {(each["edge"].source.pk, each["edge"].target.pk) for each in drawn if each["edge"]}
    by_id = {each.pk: each for each in environments}
    rows = [(each, by_id[each.source_id], by_id[each.target_id]) for pair, each in drifts().items() if pair not in hops]
    ways = [edge(source, target, each, running) for each, source, target in rows]
    return [way for way in ways if way.last is not None]


def _only_here(promotion: Promotion, environment: Environment) -> bool:
    """Whether it comes from no environment: what travels between two is shown between them."""
    return promotion.source_id is None and promotion.target_id == environment.pk


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
