"""What the console says when a view raises one of our errors."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import reswap, retarget

from promotion.actions import audit
from promotion.errors import Conflict, InvalidInput, NotFound, PromotionError, Refused, Stale, Unreachable

STATUS: dict[type[PromotionError], int] = {
    Refused: 403,
    NotFound: 404,
    Conflict: 409,
    Stale: 409,
    InvalidInput: 422,
    Unreachable: 503,
}


class PromotionErrorMiddleware:
    """Turns an expected error into a page, and tells the audit trail where requests come from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; what it changes is audited with the client's address."""
        with audit.origin(request.META.get("REMOTE_ADDR", "") or "web"):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for a PromotionError; anything else goes on to Django's 500."""
        if not isinstance(error, PromotionError):
            return None
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        context = {"error": error, "status": status}
        if not request.headers.get("HX-Request"):
            return render(request, "promotion/error.html", context, status=status)
        # As a notice: what the user was looking at stays.
        notice = render(request, "promotion/_error.html", context, status=status)
        return reswap(retarget(notice, "#toasts"), "innerHTML")
