"""Numbers beside long lists: exact at once where that is cheap, else a lower bound at once and exact a moment later."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from promotion.views.paging import COUNT_UP_TO, Page, count_at_once, count_exactly


def number_of(rows: QuerySet[Any], page: Page[Any], *, cheap: bool = True) -> tuple[int, bool]:
    """Return how many `rows` there are, of which `page` shows some, and whether there may be more, in milliseconds.

    Where it is not `cheap` to count them nothing but the page is counted. components/count.html loads the rest.
    """
    if not page.previous_url and not page.next_url:
        return len(page.rows), False
    counted = count_at_once(rows) if cheap else None
    return (len(page.rows), True) if counted is None else counted


def answer(request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
    """Answer with the exact number; where that takes too long, with what is known and why it is no more."""
    said = request.GET.get("least", "")
    least = int(said) if said.isascii() and said.isdigit() and len(said) < 6 else 0
    context = {"number": count_exactly(rows), "least": min(least, COUNT_UP_TO)}
    return render(request, "components/counted.html", context)
