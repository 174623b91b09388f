"""What the page of a plan shows: how it stands, what it says of the events, and what can be chosen for the next one."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Sum
from django.http import HttpRequest
from django.urls import reverse

from promotion.actions.compare_plans import before
from promotion.actions.masking import Masks
from promotion.domain.plan_choices import SMALL_BATCH, Mode, PlanChoices
from promotion.forms.plans import ForceForm, JudgementFilterForm, PlanForm
from promotion.models import Export, Plan, Promotion, PromotionJob
from promotion.models.environment import ConsumersRead
from promotion.policy import MANAGE, may
from promotion.states import FORCIBLE, MAY_GO_STALE, REFUSING, STARTS, JobKind, JobState, PlanState, Verdict
from promotion.views.choice_words import chosen
from promotion.views.counting import number_of
from promotion.views.paging import keyset
from promotion.views.plan_rows import first_refusing, rows_of, with_events
from promotion.views.plan_state import Standing, hidden, standing
from promotion.views.sensitive import masks_of, told
from promotion.views.steps import steps

ROWS = 50
#: What a page shows of refusals and of older plans; the list has all of them.
MOST_PROBLEMS, MOST_REFUSED, MOST_OLDER = 50, 10, 10
#: Comparing two plans looks at every event of both: up to so many the page does it by itself.
COMPARE_UP_TO = 10_000
KINDS = (JobKind.PLAN, JobKind.CHECK_PLAN)


def page(
    request: HttpRequest,
    promotion: Promotion,
    plan: Plan | None,
    *,
    old: bool = False,
    form: PlanForm | None = None,
    force_form: ForceForm | None = None,
) -> dict[str, Any]:
    """Return the page's context. `old` plans are looked at only; forms that were refused come back as they were.

    While a plan is being made the page is polled, and only what changes then is in it.
    """
    context = live(request, promotion, plan, old=old)
    if context["planning"]:
        return context
    if plan is not None:
        masks = masks_of(request, promotion)
        context |= about(plan, masks) | listing(request, plan, context, masks)
        context |= told(request, promotion, masks, "plan", plan=str(plan.pk), events=len(context["rows"]))
        if force_form is not None:
            context |= {"force_form": force_form, "ticked": force_form.cleaned_data.get("event", [])}
        others = promotion.plans.exclude(pk=plan.pk).select_related("created_by")
        context["older"] = others.order_by("-created_at")[:MOST_OLDER]
    return context | ({} if old else choosing(request, promotion, plan, form, context))


def live(request: HttpRequest, promotion: Promotion, plan: Plan | None, *, old: bool = False) -> dict[str, Any]:
    """Return what changes while a job runs: how the plan stands, the job, what may be done now."""
    job = None if old else promotion.jobs.select_related("requested_by", "cancel_requested_by").first()
    active = job if job is not None and job.active else None
    stands = standing(plan) if plan is not None else None
    manager = may(request.user, MANAGE)
    return {
        "promotion": promotion,
        "plan": plan,
        "old": old,
        "standing": stands,
        "steps": steps(promotion, stands) if not old else [],
        "active": active,
        "planning": active is not None and active.kind == JobKind.PLAN,
        "failed": _failed(job, plan),
        "job": job,
        "polled": "HX-Request" in request.headers,
        "may_manage": manager,
        "may_plan": manager and not old and active is None and promotion.state in STARTS[JobKind.PLAN][0],
        "may_check": not old and active is None and _fits(promotion, stands),
        "checked": _checked(promotion, plan) if plan is not None and not old else None,
        "same": hidden(plan) if plan is not None else [],
        "protected": promotion.target.protected,
    }


def about(plan: Plan, masks: Masks) -> dict[str, Any]:
    """Return what the plan says as a whole: numbers by verdict, refusals first, what it was made against."""
    refused = rows_of(plan, first_refusing(plan, MOST_REFUSED), masks)
    ends = plan.target_state.get("ends", {})
    return {
        "verdicts": [(each, plan.counts.get(each.value, 0)) for each in Verdict],
        "forced": plan.counts.get("forced", 0),
        "judged": plan.number_of(*Verdict),
        "problems": plan.problems[:MOST_PROBLEMS],
        "more_problems": max(0, len(plan.problems) - MOST_PROBLEMS),
        "refused": refused,
        "refusing": plan.number_of(*REFUSING),
        "keys": plan.keys,
        "ends": sorted(ends.items(), key=lambda item: int(item[0])),
        "chosen": chosen(plan),
        "batches": len(plan.cuts),
        "previous": before(plan),
        "compare_now": plan.number_of(*Verdict) <= COMPARE_UP_TO,
    }


def listing(request: HttpRequest, plan: Plan, context: dict[str, Any], masks: Masks) -> dict[str, Any]:
    """Return the list's part of the context: the filter, and a page of the judgements that fit it."""
    form = JudgementFilterForm(request.GET, plan)
    wanted = form.judgements()
    found = plan.judgements.none() if wanted is None else wanted
    if wanted is not None and (text := form.cleaned_data["text"]) and (hidden := masks.unnamed(text)):
        found = found.exclude(event__event_type__in=hidden)
    # The page of an old plan serves its own list.
    url = "" if context["old"] else reverse("promotion:plan_steps", args=[plan.promotion_id])
    shown = keyset(request, with_events(found), ["position"], ROWS, url)
    given = {name: value for name, value in form.cleaned_data.items() if value} if wanted is not None else {}
    alone = Verdict(given["verdict"]) if set(given) == {"verdict"} else None
    number, more = _number(plan, given, found, shown)
    may_force = context["may_plan"]
    return {
        "form": form,
        "page": shown,
        "rows": rows_of(plan, shown.rows, masks),
        "number": number,
        "more": more,
        "count_url": _count_url(request, plan),
        "query": filter_query(request),
        "may_force": may_force,
        "everything": alone if may_force and alone in FORCIBLE else None,
        "everything_count": _unforced(plan, alone) if may_force and alone in FORCIBLE else 0,
        "show_forced": given.get("show") == "forced",
        "force_form": ForceForm(),
        "ticked": [],
    }


def _count_url(request: HttpRequest, plan: Plan) -> str:
    url = reverse("promotion:plan_count", args=[plan.promotion_id, plan.pk])
    return f"{url}?{query}" if (query := filter_query(request)) else url


def filter_query(request: HttpRequest) -> str:
    """Return the filter's part of the query: nothing of the paging, nothing that is empty."""
    query = request.GET.copy()
    for name in list(query):
        if name not in JudgementFilterForm.base_fields or not query[name]:
            del query[name]
    return query.urlencode()


def choosing(
    request: HttpRequest, promotion: Promotion, plan: Plan | None, form: PlanForm | None, context: dict[str, Any]
) -> dict[str, Any]:
    """Return the part about the next plan: the form, and what makes parts of it matter."""
    choices = PlanChoices.from_json(plan.choices) if plan is not None else PlanChoices()
    given = form or PlanForm.proposing(choices, request.GET.dict())
    export = Export.objects.filter(promotion=promotion).first()
    uncommitted = promotion.target.consumers_read == ConsumersRead.UNCOMMITTED
    small = choices.mode == Mode.BATCHES and choices.batch_size <= SMALL_BATCH
    return {
        "plan_form": given,
        "open_form": plan is None or form is not None or "mode" in request.GET,
        "truncated": truncated(export),
        "partitions_differ": choices.accept_partitions or _partitions_differ(promotion, plan, export),
        "uncommitted": uncommitted,
        "propose_small": uncommitted and not small and given["mode"].value() != Mode.BATCHES,
        "small_batch": SMALL_BATCH,
    }


def truncated(export: Export | None) -> int:
    """Return how many offsets retention took before the export read them."""
    if export is None:
        return 0
    missed = export.partitions.filter(truncated_from__isnull=False)
    return missed.aggregate(n=Sum(F("truncated_to") - F("truncated_from")))["n"] or 0


def _number(plan: Plan, given: dict[str, Any], found: Any, shown: Any) -> tuple[int, bool]:
    """How many judgements fit, and whether there are more: from the plan's own counts where they know."""
    if not given:
        return plan.number_of(*Verdict), False
    if set(given) == {"verdict"}:
        return plan.number_of(Verdict(given["verdict"])), False
    if given == {"show": "going"}:
        return plan.steps_count, False
    return number_of(found, shown)


def _unforced(plan: Plan, verdict: Verdict) -> int:
    """How many events of one verdict nobody has forced so far; the plan knows where there are no forced ones."""
    if not plan.counts.get("forced"):
        return plan.number_of(verdict)
    return plan.judgements.order_by().filter(verdict=verdict, forced=False).count()


def _partitions_differ(promotion: Promotion, plan: Plan | None, export: Export | None) -> bool:
    """Whether source and target are known to have different numbers of partitions."""
    read = export.partitions.count() if export is not None else 0
    seen = promotion.target.check_findings.get("kafka", {}).get("partitions")
    target = plan.partitions if plan is not None else seen
    return bool(read) and isinstance(target, int) and target != read


def _fits(promotion: Promotion, stands: Standing | None) -> bool:
    fits = stands is not None and stands.state in MAY_GO_STALE - {PlanState.REFUSED}
    return fits and promotion.state in STARTS[JobKind.CHECK_PLAN][0]


def _failed(job: PromotionJob | None, plan: Plan | None) -> PromotionJob | None:
    """The last job if it was about a plan and did not go through; what it found of this plan is said by the plan."""
    if job is None or job.active or not job.error or job.kind not in KINDS:
        return None
    told = plan is not None and (plan.created_at > job.created_at or plan.state == PlanState.STALE)
    return None if told else job


def _checked(promotion: Promotion, plan: Plan) -> PromotionJob | None:
    """The last look at the target that found nothing which concerns this plan."""
    looks = promotion.jobs.filter(kind=JobKind.CHECK_PLAN, state=JobState.SUCCEEDED, arguments__plan=str(plan.pk))
    return looks.first()
