"""Placeholder."""

from django.http import HttpRequest, HttpResponse


def replay(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("replays.replay")


def receipt(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("replays.receipt")


def receipt_download(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("replays.receipt_download")
