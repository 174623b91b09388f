"""The numbers of a progress strip, polled each second by every page that shows one."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from promotion.models import PromotionJob
from promotion.policy import VIEW, require
from promotion.views.job_strip import strip_of
from promotion.views.shared import promotion_of

#: What the page hears when the job has ended or looks otherwise: then it asks for its own part anew.
MOVED = {"HX-Trigger": "job-moved"}


@require_safe
def strip(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show how far the job of the URL is. Nothing is sent where that is what the page shows already."""
    require(request.user, VIEW)
    if "HX-Request" not in request.headers:
        return redirect(promotion_of(promotion_id))
    job = _watched(promotion_id, request.GET.get("job", ""))
    shown = strip_of(job) if job is not None else None
    if shown is None or shown.shape != request.GET.get("shape"):
        return HttpResponse(status=204, headers=MOVED)
    if shown.seen == request.GET.get("seen"):
        return HttpResponse(status=204)
    answer = render(request, "components/_job_polled.html", {"strip": shown, "compact": "compact" in request.GET})
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _watched(promotion_id: int, job_id: str) -> PromotionJob | None:
    """The job, while it is queued or running."""
    try:
        known = uuid.UUID(job_id)
    except ValueError:
        return None
    jobs = PromotionJob.objects.active().filter(promotion=promotion_id, pk=known)
    return jobs.select_related("promotion").first()
