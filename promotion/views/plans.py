"""The plan of a promotion: make one, look at it, force events in, see what differs from the one before."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from promotion.actions import force as forcing
from promotion.actions.compare_plans import before, compare
from promotion.actions.plan import request_check, request_plan
from promotion.errors import InvalidInput, NotFound, Stale
from promotion.forms.plans import ForceForm, JudgementFilterForm, PlanForm, UnforceForm
from promotion.models import Event, Plan, Promotion
from promotion.policy import MANAGE, VIEW, Actor, require
from promotion.states import FORCIBLE, Verdict
from promotion.views.counting import answer as answer_count
from promotion.views.plan_details import listing, live, page
from promotion.views.sensitive import masks_of, told
from promotion.views.shared import actor_of, enqueue, promotion_of

FOLDER = "promotion/plans"
#: Differences that the page of a comparison shows.
MOST_DIFFERENCES = 200


@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the newest plan of a promotion, polled while a worker makes it. POST asks for a new one."""
    require(request.user, MANAGE if request.method == "POST" else VIEW)
    promotion = promotion_of(promotion_id)
    if request.method == "POST":
        return _make(request, promotion)
    template = "plan" if _whole(request) else "_polled"
    answer = render(request, f"{FOLDER}/{template}.html", page(request, promotion, Plan.objects.of(promotion)))
    patch_vary_headers(answer, ["HX-Request"])
    return answer


@require_safe
def plan_old(request: HttpRequest, promotion_id: int, plan_id: uuid.UUID) -> HttpResponse:
    """Show a plan that is no longer the newest: nothing can be done with it."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    shown = _plan(promotion, plan_id)
    newest = Plan.objects.of(promotion)
    if newest is not None and newest.pk == shown.pk:
        return redirect("promotion:plan", promotion_id=promotion_id)
    if not _whole(request):
        return _steps(request, promotion, shown, old=True)
    answer = render(request, f"{FOLDER}/plan.html", page(request, promotion, shown, old=True))
    patch_vary_headers(answer, ["HX-Request"])
    return answer


@require_safe
def steps(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show a page of the judgements that the filter of the URL describes; without htmx it leads to the whole page."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    shown = Plan.objects.of(promotion)
    if shown is None or _whole(request):
        return redirect(_back(promotion, request.GET.urlencode()))
    return _steps(request, promotion, shown)


@require_safe
def count(request: HttpRequest, promotion_id: int, plan_id: uuid.UUID) -> HttpResponse:
    """Say how many judgements the filter of the URL describes, exactly; the list loads it where it takes a moment."""
    require(request.user, VIEW)
    shown = _plan(promotion_of(promotion_id), plan_id)
    found = JudgementFilterForm(request.GET, shown).judgements()
    if found is None:
        raise InvalidInput("The filter in the address cannot be used.", "Set it again on the page of the plan.")
    return answer_count(request, found)


@require_POST
def check(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Let a worker read what is new on the target, and say whether the plan is stale."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    shown = _newest(promotion)
    enqueue(request, request_check(actor_of(request), shown))
    return redirect(_url_of(promotion))


@require_POST
def force(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Let events go out that the plan leaves out or refuses, for a reason. It makes the plan stale."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    form = ForceForm(request.POST)
    if not form.is_valid():
        return _refused(request, promotion, form)
    given = form.cleaned_data
    number = _force(actor_of(request), _seen(promotion, given["plan"]), given)
    if number:
        messages.success(request, f"{number:,} event{'' if number == 1 else 's'} will be sent all the same.")
    else:
        messages.info(request, "Nothing was changed: none of these is left out or refused for what can be passed by.")
    return redirect(_back(promotion, given["query"]))


@require_POST
def unforce(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Take the word back that forces events in. It makes the plan stale."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    form = UnforceForm(request.POST)
    if not form.is_valid():
        said = " ".join(str(each) for errors in form.errors.values() for each in errors)
        messages.error(request, f"Nothing was changed. {said}")
        return redirect(_url_of(promotion))
    given = form.cleaned_data
    chosen = None if given["everything"] else given["event"]
    number = forcing.unforce(actor_of(request), _seen(promotion, given["plan"]), chosen)
    messages.success(request, f"{number:,} event{' is' if number == 1 else 's are'} no longer forced.")
    return redirect(_back(promotion, given["query"]))


@require_safe
def compare_plans(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show what differs between the newest plan and the one before it."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    new = Plan.objects.of(promotion)
    old = before(new) if new is not None else None
    context: dict[str, Any] = {"promotion": promotion, "new": new, "old": old}
    if new is not None and old is not None:
        found, masks = compare(old, new, MOST_DIFFERENCES), masks_of(request, promotion)
        rows = [row | {"aggregate": masks.label(row["aggregate"])} for row in found.rows]
        events = Event.objects.filter(pk__in=[row["event"] for row in found.rows])
        known = events.select_related("event_type").only("promotion_id", "partition", "offset", "event_type").in_bulk()
        context |= {
            "counts": found.counts,
            "total": sum(found.counts.values()),
            "rows": [row | {"event": known.get(row["event"])} for row in rows],
            **told(request, promotion, masks, "plans compared", plan=str(new.pk), events=len(rows)),
        }
    template = "compare" if _whole(request) else "_differences"
    answer = render(request, f"{FOLDER}/{template}.html", context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _steps(request: HttpRequest, promotion: Promotion, shown: Plan, *, old: bool = False) -> HttpResponse:
    context, masks = live(request, promotion, shown, old=old), masks_of(request, promotion)
    context |= listing(request, shown, context, masks)
    told(request, promotion, masks, "plan", plan=str(shown.pk), events=len(context["rows"]))
    answer = render(request, f"{FOLDER}/_steps.html", context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _make(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    form = PlanForm(request.POST)
    if not form.is_valid():
        context = page(request, promotion, Plan.objects.of(promotion), form=form)
        return render(request, f"{FOLDER}/plan.html", context, status=422)
    enqueue(request, request_plan(actor_of(request), promotion, form.choices))
    return redirect(_url_of(promotion))


def _force(actor: Actor, shown: Plan, given: dict[str, Any]) -> int:
    """Force everything of one verdict, or the chosen rows by what each of them was judged; all of it or nothing."""
    if given["everything"]:
        return forcing.force(actor, shown, Verdict(given["everything"]), given["reason"], None)
    chosen: dict[str, list[int]] = defaultdict(list)
    rows = shown.judgements.filter(event_id__in=given["event"], verdict__in=FORCIBLE, forced=False)
    for event_id, verdict in rows.order_by("position").values_list("event_id", "verdict"):
        chosen[verdict].append(event_id)
    with transaction.atomic():
        return sum(forcing.force(actor, shown, Verdict(each), given["reason"], ids) for each, ids in chosen.items())


def _refused(request: HttpRequest, promotion: Promotion, form: ForceForm) -> HttpResponse:
    """The page again, with the list as it was, what was ticked, and what is missing."""
    # As if the page had been asked for: its filter, its links and its pages lead back there.
    request.GET, request.path = QueryDict(request.POST.get("query", "")[:8_000]), _url_of(promotion)
    context = page(request, promotion, Plan.objects.of(promotion), force_form=form)
    return render(request, f"{FOLDER}/plan.html", context, status=422)


def _seen(promotion: Promotion, plan_id: uuid.UUID) -> Plan:
    """The newest plan, if it is the one that the page showed."""
    newest = _newest(promotion)
    if newest.pk != plan_id:
        raise Stale("The plan is another one than this page showed.", "Nothing was changed. Look at the new plan.")
    return newest


def _newest(promotion: Promotion) -> Plan:
    found = Plan.objects.of(promotion)
    if found is None:
        raise InvalidInput(f"Promotion {promotion.pk} has no plan.", "Make one first.")
    return found


def _plan(promotion: Promotion, plan_id: uuid.UUID) -> Plan:
    related = ("promotion__source", "promotion__target", "created_by", "submitted_by")
    found = Plan.objects.select_related(*related).filter(promotion=promotion, pk=plan_id).first()
    if found is None:
        raise NotFound("There is no such plan of this promotion.", "The page of the plan lists those there are.")
    return found


def _url_of(promotion: Promotion) -> str:
    return reverse("promotion:plan", args=[promotion.pk])


def _back(promotion: Promotion, query: str) -> str:
    given = QueryDict(query).urlencode()
    return f"{_url_of(promotion)}?{given}" if given else _url_of(promotion)


def _whole(request: HttpRequest) -> bool:
    """Whether the whole page is wanted, not only a part for htmx."""
    return "HX-Request" not in request.headers or "HX-History-Restore-Request" in request.headers
