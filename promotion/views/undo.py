"""What the last bulk change was: kept in the session until a page has offered to take it back, once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from promotion.actions.edit import Excluded
from promotion.actions.edit_together import Done
from promotion.domain.octets import visible
from promotion.models import Promotion


def remember(request: HttpRequest, promotion: Promotion, done: Excluded, excluded: bool) -> None:
    """Keep how many events were just excluded or included, and which."""
    request.session[_key(promotion)] = {
        "count": done.count,
        "did": "excluded" if excluded else "included again",
        "action": "include" if excluded else "exclude",
        "ids": ",".join(map(str, done.ids)),
    }


def remember_together(request: HttpRequest, promotion: Promotion, done: Done, path: str) -> None:
    """Keep which revisions have just set one field of many events."""
    request.session[_key(promotion)] = {
        "count": done.count,
        "did": f"changed: {visible(path)[:200]}",
        "first": done.first,
        "last": done.last,
    }


def take(request: HttpRequest, promotion: Promotion) -> dict[str, Any] | None:
    """Return what was kept last, for `_undo.html`; the second time nothing."""
    kept: dict[str, Any] | None = request.session.pop(_key(promotion), None)
    return kept


def _key(promotion: Promotion) -> str:
    return f"undo-{promotion.pk}"
