"""Placeholder."""

from django.http import HttpRequest, HttpResponse


def event_types(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("event_types.event_types")


def decide(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("event_types.decide")


def event_type(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("event_types.event_type")
