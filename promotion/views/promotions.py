"""Placeholder."""

from django.http import HttpRequest, HttpResponse


def promotions(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("promotions.promotions")


def create(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("promotions.create")


def promotion(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("promotions.promotion")


def export(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("promotions.export")


def cancel(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("promotions.cancel")


def progress(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse("promotions.progress")
