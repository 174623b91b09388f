"""Pages whose numbers may take seconds: in time where that is possible, else a frame at once that loads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from promotion.models import Promotion
from promotion.models.patience import within

#: Seconds that each query may take before a page is sent without, and when it is loaded a moment later.
AT_ONCE, LATER = 0.1, 25.0


@contextmanager
def in_time(request: HttpRequest) -> Iterator[None]:
    """Bound each query inside; raises TooSlow. What htmx loads a moment later may take seconds."""
    with within(LATER if request.headers.get("HX-Request") else AT_ONCE):
        yield


def later(request: HttpRequest, promotion: Promotion, title: str) -> HttpResponse:
    """Answer TooSlow: with a page that asks for the same again and shows it when it is there, else with what to do."""
    context = {"promotion": promotion, "title": title, "failed": bool(request.headers.get("HX-Request"))}
    return render(request, "promotion/later.html", context | {"url": request.get_full_path()})
