"""A topic over time, drawn: the bars of its survey, and the few numbers that are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from promotion.actions.survey import fits
from promotion.domain.timeline import Bar, bars
from promotion.models import Environment, TopicSurvey
from promotion.models.environment import NAME
from promotion.policy import VIEW, require

#: The picture's own units: it is stretched to where it stands.
BAR_WIDTH = 10
HEIGHT = 100
#: What came once in a bar is seen beside a bar of thousands.
LEAST = 2


@dataclass(frozen=True)
class Drawn:
    """A bar and where it is drawn."""

    bar: Bar
    x: int
    height: int

    @property
    def y(self) -> int:
        """Its upper edge: pictures count from the top."""
        return HEIGHT - self.height

    @property
    def at(self) -> str:
        """When it begins, in UTC."""
        return text(self.bar.start)


@require_safe
def histogram(request: HttpRequest) -> HttpResponse:
    """Show the topic of one source over time: the form of a new promotion asks when another source is chosen."""
    require(request.user, VIEW)
    context = histogram_of(source_named(request.GET.get("source", "")))
    return render(request, "promotion/promotions/_histogram.html", context)


def source_named(name: object) -> Environment | None:
    """Return the source that a form names, None where there is none of that name."""
    text = str(name or "")
    return Environment.objects.sources().filter(name=text).first() if NAME.regex.match(text) else None  # type: ignore[union-attr]


def histogram_of(source: Environment | None) -> dict[str, Any]:
    """Return what the histogram shows: of `source`, None where none is chosen."""
    survey = TopicSurvey.objects.filter(environment=source).first() if source is not None else None
    if source is None or survey is None or not fits(survey, source):
        return {"charted": source, "survey": survey, "size": None, "drawn": []}
    found = bars(survey.bars)
    most = max((each.count for each in found), default=0)
    return {
        "charted": source,
        "survey": survey,
        "size": size(survey),
        "drawn": [Drawn(each, n * BAR_WIDTH, _height(each.count, most)) for n, each in enumerate(found)],
        "last": len(found) - 1,
        "width": len(found) * BAR_WIDTH,
        "tallest": most,
        "tallest_at": next((text(each.start) for each in found if each.count == most), ""),
        "begins": text(found[0].start) if found else "",
        "ends": text(found[-1].end) if found else "",
    }


def topic_facts(environment: Environment, survey: TopicSurvey | None) -> dict[str, Any]:
    """Return the few words about a topic: its size, None where that is not known, and why it is old, if it is."""
    known = survey is not None and fits(survey, environment)
    return {
        "size": size(survey) if survey is not None and known else None,
        "partitions": len(survey.partitions) if survey is not None else 0,
        "error": survey.error if survey is not None else "",
        "surveyed_at": survey.surveyed_at if survey is not None and known else None,
    }


def size(survey: TopicSurvey) -> int:
    """Return how many offsets lie between the ends: records, and the markers that end transactions."""
    return sum(each["high"] - each["low"] for each in survey.partitions)


def text(milliseconds: int) -> str:
    """Return a time in UTC as words have it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _height(count: int, most: int) -> int:
    return max(LEAST, HEIGHT * count // most) if count else 0
