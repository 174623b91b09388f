"""Promotions: the list, the form that creates one, and the page that leads through its steps."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from promotion.actions import cancel as cancelling
from promotion.actions.again import rules_again
from promotion.actions.create import create as create_promotion
from promotion.actions.refresh import refresh as ask_refresh
from promotion.actions.request import request_job
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.forms.promotions import CreateForm, PromotionFilterForm
from promotion.models import Environment, ExportCount, Promotion
from promotion.models.environment import EnvironmentQuerySet
from promotion.policy import MANAGE, VIEW, may, require
from promotion.states import Disposition, JobKind, JobState
from promotion.views.create_form import asked_for, rules_offer
from promotion.views.histogram import histogram_of, source_named
from promotion.views.paging import count_up_to, keyset
from promotion.views.promotion_details import page
from promotion.views.shared import actor_of, enqueue, promotion_of

FOLDER = "promotion/promotions"


@require_safe
def promotions(request: HttpRequest) -> HttpResponse:
    """Show the promotions that fit the filter, the newest first."""
    require(request.user, VIEW)
    form = PromotionFilterForm(request.GET)
    rows = form.promotions()
    found, more = count_up_to(rows)
    shown = keyset(request, rows, ["-pk"])
    context = {
        "form": form,
        "page": shown,
        "rows": _with_kept(shown.rows),
        "summary": f"{found:,}{'+' if more else ''} promotion{'' if found == 1 else 's'}",
        "filtered": any(form.cleaned_data.values()),
        "may_manage": may(request.user, MANAGE),
    }
    template = "_rows.html" if request.headers.get("HX-Request") else "list.html"
    return render(request, f"{FOLDER}/{template}", context)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Take a new promotion; what cannot be taken comes back as it was typed."""
    require(request.user, MANAGE)
    if request.method != "POST":
        return _form(request, CreateForm(initial={**_next_hop(), **asked_for(request.GET)}))
    form = CreateForm(request.POST)
    if not form.is_valid():
        return _form(request, form, 422)
    given = form.cleaned_data
    try:
        made = create_promotion(
            actor_of(request),
            given["source"],
            given["target"],
            given["title"],
            form.wanted(),
            given["approach"],
            rules_again(given["again"]) if given["again"] and given["rules"] else (),
        )
    except (Refused, InvalidInput, NotFound) as error:
        field = "types" if isinstance(error, NotFound) else None
        for problem in error.problems or [error.message]:
            form.add_error(field, f"{problem} {error.hint}")
        return _form(request, form, 422)
    if "export" in request.POST:
        enqueue(request, request_job(actor_of(request), made, JobKind.EXPORT))
    else:
        messages.success(request, "The promotion is created. Nothing has been read yet: export it next.")
    return redirect(made)


@require_safe
def promotion(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show one promotion: its steps, the next thing to do, and what became of every record."""
    require(request.user, VIEW)
    shown = promotion_of(promotion_id)
    return render(request, f"{FOLDER}/promotion.html", page(request, shown))


@require_safe
def progress(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the part of the page that changes while a job runs; polled until the job has ended."""
    require(request.user, VIEW)
    shown = promotion_of(promotion_id)
    if not request.headers.get("HX-Request"):
        return redirect(shown)
    return render(request, f"{FOLDER}/_progress.html", page(request, shown))


@require_POST
def export(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Start the export, or go on with one that failed or was cancelled."""
    shown = promotion_of(promotion_id)
    enqueue(request, request_job(actor_of(request), shown, JobKind.EXPORT))
    return redirect(shown)


@require_POST
def refresh(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Read what came to the source since the export."""
    shown = promotion_of(promotion_id)
    enqueue(request, ask_refresh(actor_of(request), shown))
    return redirect(shown)


@require_POST
def cancel(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Ask what is queued or running to stop."""
    shown = promotion_of(promotion_id)
    job = cancelling.cancel(actor_of(request), shown)
    if job.state == JobState.CANCELLED:
        messages.success(request, f"{job.get_kind_display()} cancelled before it began.")
    else:
        messages.info(request, f"{job.get_kind_display()} is asked to stop. It ends within seconds.")
    return redirect(shown)


def _form(request: HttpRequest, form: CreateForm, status: int = 200) -> HttpResponse:
    sources: EnvironmentQuerySet = form.fields["source"].queryset  # type: ignore[attr-defined]
    context = {
        "form": form,
        "sources": sources,
        "targets": form.fields["target"].queryset,  # type: ignore[attr-defined]
        "rules": rules_offer(form),
        **histogram_of(source_named(form["source"].value()) or sources.first()),
    }
    return render(request, f"{FOLDER}/create.html", context, status=status)


def _with_kept(rows: list[Promotion]) -> list[tuple[Promotion, int | None]]:
    """Return each promotion with the number of events that its export kept, None where nothing was read."""
    counts = ExportCount.objects.filter(partition__export__in=[each.pk for each in rows])
    kept = Sum("count", filter=Q(disposition=Disposition.KEPT), default=0)
    numbers = dict(counts.values_list("partition__export").annotate(n=kept).order_by())
    return [(each, numbers.get(each.pk)) for each in rows]


def _next_hop() -> dict[str, str]:
    """Return the first source and the target that comes after it, so that the form begins with a way to go."""
    source = Environment.objects.sources().first()
    target = Environment.objects.targets().filter(order__gt=source.order).first() if source else None
    return {"source": source.name, "target": target.name} if source and target else {}
