"""Sensitive values on pages: masked for everybody, until somebody who may see them asks for a quarter of an hour.

A view makes its masks with `masks_of`, and ends with `told`: it writes the audit entry where values were really shown,
and gives the page its bar.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from promotion.actions.masking import Masks
from promotion.errors import InvalidInput
from promotion.forms.events import EventFilterForm
from promotion.models import Promotion
from promotion.models.event import EventFilter, EventQuerySet
from promotion.policy import SENSITIVE, VIEW, may, require
from promotion.views.shared import actor_of, promotion_of

#: Seconds for which values are shown after somebody has asked.
SHOWN_FOR = 15 * 60
KEY = "sensitive"


@require_POST
def show(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the sensitive values of a promotion's events to whoever asks and may see them, for 15 minutes."""
    require(request.user, SENSITIVE)
    promotion = promotion_of(promotion_id)
    request.session[KEY] = _open(request) | {str(promotion.pk): int(time.time()) + SHOWN_FOR}
    return _back(request, promotion)


@require_POST
def hide(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Mask them again."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    request.session[KEY] = {pk: until for pk, until in _open(request).items() if pk != str(promotion.pk)}
    return _back(request, promotion)


def masks_of(request: HttpRequest, promotion: Promotion) -> Masks:
    """Return what is masked for whoever asks for a page of this promotion."""
    return Masks(shown=_until(request, promotion) is not None)


def told(request: HttpRequest, promotion: Promotion, masks: Masks, page: str, **what: Any) -> dict[str, Any]:
    """Return the part of a page's context about its masks, once all of it is known; values that show are audited.

    `page` and `what` say where they showed: coordinates and numbers only.
    """
    masks.audit(actor_of(request), promotion, {"page": page, **what})
    return {
        "sensitive": {
            "promotion": promotion,
            "until": _until(request, promotion),
            "masked": masks.hid,
            "may": may(request.user, SENSITIVE),
        }
    }


def visible_filter(promotion: Promotion, form: EventFilterForm, masks: Masks) -> EventFilter | None:
    """Return what the form of a list asks for, None where it is not valid; what is found must pass `masks.search` too.

    A filter by a sensitive field becomes an error of the form's field.
    """
    wanted = form.wanted()
    if wanted is None:
        return None
    try:
        masks.check(promotion, wanted)
    except InvalidInput as error:
        form.add_error("field", str(error))
        return None
    return wanted


def visible_matches(promotion: Promotion, form: EventFilterForm, masks: Masks) -> EventQuerySet | None:
    """Return the events that a filter describes, found by nothing that is masked; None where it is not valid."""
    wanted = visible_filter(promotion, form, masks)
    return None if wanted is None else masks.search(promotion.events.matching(wanted), wanted.text)


def _until(request: HttpRequest, promotion: Promotion) -> datetime | None:
    """Until when values are shown; the right is asked for each time, since somebody may have lost it."""
    until = _open(request).get(str(promotion.pk))
    return datetime.fromtimestamp(until, UTC) if until and may(request.user, SENSITIVE) else None


def _open(request: HttpRequest) -> dict[str, int]:
    """What is shown at the moment: ids of promotions -> seconds since the epoch."""
    kept: dict[str, int] = request.session.get(KEY, {})
    return {pk: until for pk, until in kept.items() if until > time.time()}


def _back(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    """Lead back to the page that the button was on."""
    url = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return redirect(url if safe else promotion.get_absolute_url())
