"""Placeholder."""

from django.http import HttpRequest, HttpResponse


def events(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.events")


def select(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.select")


def event(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.event")


def edit(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.edit")


def undo(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.undo")


def original(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.original")


def exclude(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.exclude")


def include(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("events.include")
