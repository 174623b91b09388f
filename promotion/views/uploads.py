"""Placeholder."""

from django.http import HttpRequest, HttpResponse


def download(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("uploads.download")


def upload(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("uploads.upload")


def report(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("uploads.report")


def apply(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("uploads.apply")


def discard(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("uploads.discard")
