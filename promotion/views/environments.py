"""Placeholder."""

from django.http import HttpRequest, HttpResponse


def environments(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.environments")


def create(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.create")


def draft(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.draft")


def save_untested(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.save_untested")


def environment(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.environment")


def edit(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.edit")


def check(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("environments.check")
