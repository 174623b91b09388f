"""Keyset paging: the cursor is the position of the first or last row shown, so page 10,000 is as quick as page 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models import Q
from django.http import HttpRequest, QueryDict

from promotion.models.patience import TooSlow, within

Row = TypeVar("Row", bound=models.Model)
PAGE = 50
#: Counting stops here: '10,000+' at once is worth more than the exact number in a minute.
COUNT_UP_TO = 10_000
#: Seconds that a page waits for a number, and that the exact one may take a moment later.
COUNT_AT_ONCE, COUNT_LATER = 0.06, 20.0


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows in order, and the URLs of the pages around them, empty where there is none.

    `stopped`: not all rows could be looked at in time, and the next page (the previous one where the way led back) goes
    on from there.
    """

    rows: list[Row]
    previous_url: str
    next_url: str
    stopped: bool = False


@dataclass(frozen=True)
class Found(Generic[Row]):
    """The first rows, in order. `until` is where a look that took too long has ended, None where it did not."""

    rows: list[Row]
    until: Sequence[int] | None = None


#: (rows, order, cursor, how many) -> the first of the rows beyond the cursor, which is None at the beginning.
Look = Callable[[models.QuerySet[Row], Sequence[str], Sequence[int] | None, int], Found[Row]]


def simply(rows: models.QuerySet[Row], order: Sequence[str], cursor: Sequence[int] | None, most: int) -> Found[Row]:
    """Find them in one go, however long that takes."""
    return Found(list(between(rows, order, cursor).order_by(*order)[:most]))


def keyset(
    request: HttpRequest,
    rows: models.QuerySet[Row],
    fields: Sequence[str],
    size: int = PAGE,
    path: str = "",
    look: Look[Row] = simply,
) -> Page[Row]:
    """Return the page of `rows` that the request's `after` or `before` asks for.

    `fields` are integer columns that order the rows, ascending; with a leading '-' on all of them descending. A
    malformed cursor shows the first page. `path` is where the other pages are, the request's own where it is empty.
    `look` finds the rows.
    """
    before = _cursor(request.GET, "before", len(fields))
    after = None if before else _cursor(request.GET, "after", len(fields))
    backwards = before is not None
    order = [_flip(field) for field in fields] if backwards else list(fields)
    cursor = before or after
    found = look(rows, order, cursor, size + 1)
    more, window = len(found.rows) > size, found.rows[:size]
    first, last = (_place(window[0], fields), _place(window[-1], fields)) if window else (None, None)
    if found.until is not None:
        # Beyond the last row that was found there is more that nobody has looked at yet.
        more, last = True, list(found.until)
    if backwards:
        window.reverse()
        first, last = last, first
    has_previous, has_next = (more, True) if backwards else (after is not None, more)
    return Page(
        window,
        _url(request, path, "before", first) if first and has_previous else "",
        _url(request, path, "after", last) if last and has_next else "",
        stopped=found.until is not None,
    )


def neighbours(
    rows: models.QuerySet[Row], row: Row, fields: Sequence[str], look: Look[Row] = simply
) -> tuple[Row | None, Row | None]:
    """Return the rows before and after `row` among `rows`, in the order of `fields`; `row` itself need not be there."""
    cursor = _place(row, fields)
    back, on = [_flip(field) for field in fields], list(fields)
    before, after = (next(iter(look(rows, order, cursor, 1).rows), None) for order in (back, on))
    return before, after


def position(
    rows: models.QuerySet[Row], row: Row, fields: Sequence[str], limit: int = COUNT_UP_TO
) -> tuple[int, int] | None:
    """Return which one of `rows` in order `row` is, from 1, and how many there are; None where more than `limit`."""
    total, more = count_up_to(rows, limit)
    if more:
        return None
    cursor = _place(row, fields)
    return rows.filter(_beyond([_flip(field) for field in fields], cursor)).order_by().count() + 1, total


def count_up_to(rows: models.QuerySet[Any], limit: int = COUNT_UP_TO) -> tuple[int, bool]:
    """Return how many rows there are, and whether there are more than that; counts no further than `limit`."""
    number = rows.order_by()[: limit + 1].count()
    return min(number, limit), number > limit


def count_at_once(rows: models.QuerySet[Any]) -> tuple[int, bool] | None:
    """Return what count_up_to returns, None where that takes longer than a page may wait."""
    try:
        with within(COUNT_AT_ONCE):
            return count_up_to(rows)
    except TooSlow:
        return None


def count_exactly(rows: models.QuerySet[Any]) -> int | None:
    """Return how many rows there are, None where even that takes too long: for what a page loads a moment later."""
    try:
        with within(COUNT_LATER):
            return int(rows.order_by().count())
    except TooSlow:
        return None


def between(
    rows: models.QuerySet[Row], order: Sequence[str], cursor: Sequence[int] | None, until: Sequence[int] | None = None
) -> models.QuerySet[Row]:
    """Return the rows beyond `cursor` in `order`, and not beyond `until`; None means without a border."""
    found = rows if cursor is None else rows.filter(_beyond(order, cursor))
    if until is None:
        return found
    back = [_flip(field) for field in order]
    there = Q(**{field.lstrip("-"): value for field, value in zip(order, until, strict=True)})
    return found.filter(_first(back, until) & (there | _beyond(back, until)))


def _place(row: models.Model, fields: Sequence[str]) -> list[int]:
    return [getattr(row, field.lstrip("-")) for field in fields]


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
    return beyond & _first(order, cursor)


def _first(order: Sequence[str], cursor: Sequence[int]) -> Q:
    """Implied by `_beyond`, and what lets the index be entered at the cursor."""
    first = order[0].lstrip("-")
    return Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": cursor[0]})


def _flip(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"


def _url(request: HttpRequest, path: str, name: str, place: Sequence[int]) -> str:
    query = request.GET.copy()
    query.pop("after", None)
    query.pop("before", None)
    query[name] = ".".join(map(str, place))
    return f"{path or request.path}?{query.urlencode()}"
