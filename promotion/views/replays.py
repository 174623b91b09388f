"""Replay a promotion, and the receipt of what arrived."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from django.contrib import messages
from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from promotion import jobs
from promotion.actions import preflight
from promotion.actions import receipt as receipts
from promotion.actions.replay_start import request_replay
from promotion.domain.findings import target_warnings
from promotion.domain.plan_choices import PlanChoices
from promotion.errors import NotFound, PromotionError, Refused, Stale, Unreachable
from promotion.forms.replays import ReplayForm
from promotion.models import Export, Promotion
from promotion.models.environment import ConsumersRead
from promotion.policy import MANAGE, VIEW, Actor, may, require
from promotion.states import STARTS, AttemptOutcome, JobKind, PromotionState

FOLDER = "promotion/replays"
ROWS = 100


@require_http_methods(["GET", "HEAD", "POST"])
def replay(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show exactly what a replay would do, and start it. What is refused at once comes back with every reason."""
    require(request.user, MANAGE if request.method == "POST" else VIEW)
    promotion = _promotion(promotion_id)
    if request.method == "POST":
        return _start(request, promotion)
    match promotion.state:
        case PromotionState.REPLAYED:
            return redirect("promotion:receipt", promotion_id=promotion_id)
        case PromotionState.REPLAYING:
            return redirect(promotion)
    return _page(request, promotion, ReplayForm())


@require_safe
def receipt(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show where each event stands on the target, a page at a time, and the attempts."""
    require(request.user, VIEW)
    promotion = _promotion(promotion_id)
    replay = receipts.replay_of(promotion)
    context: dict[str, Any] = {"promotion": promotion, "replay": replay}
    if replay is not None:
        start = _start_of_page(request.GET.get("from", ""), replay.committed)
        tried = receipts.attempts(promotion)
        context |= {
            "plan": replay.plan,
            "attempts": tried,
            "aborted": sum(each.outcome == AttemptOutcome.ABORTED for each in tried),
            "uncommitted": promotion.target.consumers_read == ConsumersRead.UNCOMMITTED,
            "rows": list(receipts.rows(replay, start, start + ROWS)),
            "first": start + 1,
            "last": min(start + ROWS, replay.committed),
            "previous": max(0, start - ROWS) if start else None,
            "next": start + ROWS if start + ROWS < replay.committed else None,
        }
    template = "_rows.html" if request.headers.get("HX-Request") and replay else "receipt.html"
    return render(request, f"{FOLDER}/{template}", context)


@require_safe
def receipt_download(request: HttpRequest, promotion_id: int) -> HttpResponseBase:
    """Send the whole receipt as one JSON document, as it is read."""
    require(request.user, VIEW)
    pieces = receipts.receipt_json(_promotion(promotion_id))
    answer = StreamingHttpResponse(_in_blocks(pieces), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="receipt-{promotion_id}.json"'
    return answer


def _start(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    form = ReplayForm(request.POST)
    if not form.is_valid():
        return _page(request, promotion, form, status=422)
    choices = form.cleaned_data
    try:
        job = request_replay(
            cast(Actor, request.user),
            promotion,
            choices=PlanChoices(
                register_versions=choices["register_versions"],
                accept_incomplete=choices["accept_incomplete"],
            ),
        )
    except Stale as error:
        return _page(request, promotion, form, error, 409)
    except Refused as error:
        return _page(request, promotion, form, error, 422)
    try:
        jobs.enqueue(job)
    except Unreachable as error:
        messages.warning(request, str(error))
    return redirect(promotion)


def _page(
    request: HttpRequest,
    promotion: Promotion,
    form: ReplayForm,
    error: PromotionError | None = None,
    status: int = 200,
) -> HttpResponse:
    target, last = promotion.target, promotion.jobs.filter(kind=JobKind.REPLAY).first()
    export = Export.objects.filter(promotion=promotion).first()
    problems = preflight.refusals(promotion, accept_incomplete=True)
    context = {
        "promotion": promotion,
        "form": form,
        "error": error,
        "outgoing": preflight.outgoing(promotion),
        "types": preflight.outgoing_types(promotion),
        "export": export,
        "truncated": _truncated(export),
        "held_back": (export.partitions.aggregate(n=Sum("held_back"))["n"] or 0) if export else 0,
        "uncommitted": target.consumers_read == ConsumersRead.UNCOMMITTED,
        "warnings": target_warnings(target.check_findings, uncommitted=False),
        "problems": problems,
        "last": last if last and last.error and error is None else None,
        "last_title": f"The last replay did not go through: {last.error}" if last else "",
        "startable": promotion.state in STARTS[JobKind.REPLAY][0],
        "may_manage": may(request.user, MANAGE),
    }
    return render(request, f"{FOLDER}/replay.html", context, status=status)


def _truncated(export: Export | None) -> int:
    """How many offsets retention took before the export read them."""
    if export is None:
        return 0
    missed = export.partitions.filter(truncated_from__isnull=False)
    return missed.aggregate(n=Sum(F("truncated_to") - F("truncated_from")))["n"] or 0


def _start_of_page(text: str, total: int) -> int:
    """The ordinal in the query string, 0 where it is none of ours."""
    start = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return start - start % ROWS if start < total else 0


def _in_blocks(pieces: Iterator[str]) -> Iterator[str]:
    """Join small pieces: each one that is sent costs a write."""
    while block := "".join(islice(pieces, 500)):
        yield block


def _promotion(promotion_id: int) -> Promotion:
    try:
        return Promotion.objects.with_environments().get(pk=promotion_id)
    except Promotion.DoesNotExist as error:
        raise NotFound(
            f"There is no promotion {promotion_id}.", "The list of promotions shows those there are."
        ) from error
