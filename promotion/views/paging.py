"""Keyset paging: the cursor is the position of the first or last row shown, so page 10,000 is as quick as page 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models import Q
from django.http import HttpRequest, QueryDict

Row = TypeVar("Row", bound=models.Model)
PAGE = 50
#: Counting stops here: '10,000+' at once is worth more than the exact number in a minute.
COUNT_UP_TO = 10_000


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in order, and the URLs of the pages around them, empty where there is none."""

    rows: list[Row]
    previous_url: str
    next_url: str


def keyset(
    request: HttpRequest, rows: models.QuerySet[Row], fields: Sequence[str], size: int = PAGE, path: str = ""
) -> Page[Row]:
    """Return the page of `rows` that the request's `after` or `before` asks for.

    `fields` are integer columns that order the rows, ascending; with a leading '-' on all of them descending. A
    malformed cursor shows the first page. `path` is where the other pages are, the request's own where it is empty.
    """
    before = _cursor(request.GET, "before", len(fields))
    after = None if before else _cursor(request.GET, "after", len(fields))
    backwards = before is not None
    order = [_flip(field) for field in fields] if backwards else list(fields)
    cursor = before or after
    found = rows.filter(_beyond(order, cursor)) if cursor else rows
    window = list(found.order_by(*order)[: size + 1])
    more, window = len(window) > size, window[:size]
    if backwards:
        window.reverse()
    has_previous, has_next = (more, True) if backwards else (after is not None, more)
    return Page(
        window,
        _url(request, path, "before", window[0], fields) if window and has_previous else "",
        _url(request, path, "after", window[-1], fields) if window and has_next else "",
    )


def neighbours(rows: models.QuerySet[Row], row: Row, fields: Sequence[str]) -> tuple[Row | None, Row | None]:
    """Return the rows before and after `row` among `rows`, in the order of `fields`; `row` itself need not be there."""
    cursor = [getattr(row, field.lstrip("-")) for field in fields]
    back, on = [_flip(field) for field in fields], list(fields)
    before, after = (rows.filter(_beyond(order, cursor)).order_by(*order).first() for order in (back, on))
    return before, after


def position(
    rows: models.QuerySet[Row], row: Row, fields: Sequence[str], limit: int = COUNT_UP_TO
) -> tuple[int, int] | None:
    """Return which one of `rows` in order `row` is, from 1, and how many there are; None where more than `limit`."""
    total, more = count_up_to(rows, limit)
    if more:
        return None
    cursor = [getattr(row, field.lstrip("-")) for field in fields]
    return rows.filter(_beyond([_flip(field) for field in fields], cursor)).order_by().count() + 1, total


def count_up_to(rows: models.QuerySet[Any], limit: int = COUNT_UP_TO) -> tuple[int, bool]:
    """Return how many rows there are, and whether there are more than that; counts no further than `limit`."""
    number = rows.order_by()[: limit + 1].count()
    return min(number, limit), number > limit


def _cursor(query: QueryDict, name: str, length: int) -> list[int] | None:
    parts = query.get(name, "").split(".")
    try:
        values = [int(part) for part in parts]
    except ValueError:
        return None
    return values if len(values) == length and all(abs(value) < 2**63 for value in values) else None


def _beyond(order: Sequence[str], cursor: Sequence[int]) -> Q:
    """Rows after `cursor` in `order`, as (a > x) or (a = x and b > y) ..."""
    beyond, equal = Q(), Q()
    for field, value in zip(order, cursor, strict=True):
        name, lookup = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
        beyond |= equal & Q(**{f"{name}__{lookup}": value})
        equal &= Q(**{name: value})
    # Implied by the rest, and what lets the index be entered at the cursor.
    first = order[0].lstrip("-")
    return beyond & Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": cursor[0]})


def _flip(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"


def _url(request: HttpRequest, path: str, name: str, row: models.Model, fields: Sequence[str]) -> str:
    query = request.GET.copy()
    query.pop("after", None)
    query.pop("before", None)
    query[name] = ".".join(str(getattr(row, field.lstrip("-"))) for field in fields)
    return f"{path or request.path}?{query.urlencode()}"
