"""The receipt of what arrived, and the proof: the target read back, as often as somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from promotion.actions import receipt as receipts
from promotion.actions.amend import may_be_amended
from promotion.actions.verify import request_verify
from promotion.forms.amendments import AmendForm
from promotion.models import Promotion, Replay
from promotion.models.environment import ConsumersRead
from promotion.policy import MANAGE, VIEW, may, require
from promotion.states import STARTS, AttemptOutcome, JobKind, PromotionState
from promotion.views.arrival import arrivals
from promotion.views.choice_words import chosen
from promotion.views.shared import actor_of, enqueue, promotion_of

FOLDER = "promotion/replays"
ROWS = 100


@require_safe
def receipt(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the proof, who approved, where each event stands on the target, a page at a time, and the attempts."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    replay = receipts.replay_of(promotion)
    context: dict[str, Any] = {"promotion": promotion, "replay": replay}
    if replay is not None:
        start = _start_of_page(request.GET.get("from", ""), replay.committed)
        tried = receipts.attempts(promotion)
        context |= _proof(request, promotion, replay) | {
            "plan": replay.plan,
            "choices": chosen(replay.plan),
            "approvals": receipts.approvals(replay),
            "arrivals": arrivals(replay),
            "attempts": tried,
            "aborted": sum(each.outcome == AttemptOutcome.ABORTED for each in tried),
            "uncommitted": promotion.target.consumers_read == ConsumersRead.UNCOMMITTED,
            "may_amend": may(request.user, MANAGE) and may_be_amended(promotion),
            "amend_form": AmendForm(),
            "rounds": list(promotion.amendments.order_by("pk")),
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
    pieces = receipts.receipt_json(promotion_of(promotion_id))
    answer = StreamingHttpResponse(_in_blocks(pieces), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="receipt-{promotion_id}.json"'
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Have the target read back once more; to a page that polls, show how far that is and what it found."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    if request.method == "POST":
        job = request_verify(actor_of(request), promotion)
        enqueue(request, job)
        done = promotion.state == PromotionState.REPLAYED
        return redirect("promotion:receipt", promotion_id=promotion_id) if done else redirect(promotion)
    replay = receipts.replay_of(promotion)
    if replay is None or not request.headers.get("HX-Request"):
        return redirect("promotion:receipt", promotion_id=promotion_id)
    context = {"promotion": promotion, "replay": replay, **_proof(request, promotion, replay)}
    return render(request, f"{FOLDER}/_proof.html", context)


def _proof(request: HttpRequest, promotion: Promotion, replay: Replay) -> dict[str, Any]:
    """What is known of the target, what is being found out, and whether this user may ask again."""
    checked = receipts.verifications(replay)
    active = promotion.jobs.active().first()
    last = promotion.jobs.filter(kind=JobKind.VERIFY).first()
    permission = VIEW if promotion.state == PromotionState.REPLAYED else MANAGE
    return {
        "asked": last,
        "polled": "HX-Request" in request.headers,
        "newest": checked[0] if checked else None,
        "checked": [(each, each.missing + each.duplicated + each.reordered + each.altered) for each in checked],
        "running": active if active is not None and active.kind == JobKind.VERIFY else None,
        "failed": last if last is not None and last.error and not last.active else None,
        "may_verify": active is None and promotion.state in STARTS[JobKind.VERIFY][0] and may(request.user, permission),
    }


def _start_of_page(text: str, total: int) -> int:
    """The ordinal in the query string, 0 where it is none of ours."""
    start = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return start - start % ROWS if start < total else 0


def _in_blocks(pieces: Iterator[str]) -> Iterator[str]:
    """Join small pieces: each one that is sent costs a write."""
    while block := "".join(islice(pieces, 500)):
        yield block
