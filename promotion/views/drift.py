"""What stands on one environment and not on another: how much of which type, and the way to promote it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from promotion.errors import NotFound
from promotion.models import Drift, Environment, PromotionJob
from promotion.policy import MANAGE, VIEW, may, require
from promotion.views.edges import Edge, Look, edge, promote_url


@require_safe
def drift(request: HttpRequest, source: str, target: str) -> HttpResponse:
    """Show what is on `source` and not on `target`; asked for by htmx, only where that has changed."""
    require(request.user, VIEW)
    way = _way(source, target)
    body = render_to_string("promotion/home/_drift.html", _context(request, way), request)
    seen = sha256(body.encode()).hexdigest()[:16]
    if request.headers.get("HX-Request") and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    template = "_live.html" if request.headers.get("HX-Request") else "drift.html"
    return render(request, f"promotion/home/{template}", {"edge": way, "overview": body, "seen": seen})


def _way(source: str, target: str) -> Edge:
    found = {each.name: each for each in Environment.objects.filter(name__in=[source, target])}
    for name in (source, target):
        if name not in found:
            raise NotFound(f"There is no environment {name}.", "The list of environments shows those there are.")
    if source == target:
        raise NotFound(f"{source} is both ends of this way.", "Choose two environments on the home page.")
    row = Drift.objects.filter(source=found[source], target=found[target]).first()
    jobs = PromotionJob.objects.active().filter(promotion__source=found[source], promotion__target=found[target])
    return edge(found[source], found[target], row, jobs.select_related("promotion", "requested_by"))


def _context(request: HttpRequest, way: Edge) -> dict[str, Any]:
    counts = way.drift.counts if way.drift is not None and way.total else {}
    most = max(counts.values(), default=0)
    rows = [
        {"name": name, "short": name.rpartition(".")[2], "count": count, "width": max(1, 100 * count // most)}
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    can = way.source.may_be_source and way.target.may_be_target
    return {
        "edge": way,
        "rows": rows,
        "ready": way.look in (Look.BEHIND, Look.COUNTING),
        "promote_url": promote_url(way) if can and may(request.user, MANAGE) else "",
    }
