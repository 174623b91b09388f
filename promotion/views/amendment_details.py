"""What the page of an event says of amendments: what it amends, or what amends it."""

from __future__ import annotations

import json
from typing import Any

from promotion.actions.amend import may_be_amended
from promotion.actions.amendments import missing_of
from promotion.actions.edit import WEB_LIMITS
from promotion.actions.masking import Masks
from promotion.actions.outgoing import outgoing
from promotion.actions.story import target_of
from promotion.domain.decode import read
from promotion.domain.event_id import FIELD
from promotion.domain.marks import Marks
from promotion.domain.search_document import search_json
from promotion.domain.shown_difference import ShownDifference
from promotion.domain.wire import MalformedValue
from promotion.models import Amendment, Event
from promotion.views.event_page import difference_rows

MOST = 50


def about(event: Event, masks: Masks) -> dict[str, Any]:
    """Return the page's context about the amendments of `event`, and about what it amends itself."""
    if event.quarantined:
        return {}
    found: dict[str, Any] = {"amended_by": _amended_by(event)}
    amendment = Amendment.objects.select_related("amends__promotion").filter(event=event).first()
    if amendment is not None:
        amendment.thing = masks.label(amendment.thing)
        rows = _rows(event, amendment, masks.of(event))
        found |= {"amendment": amendment, "target_rows": rows, "missing": _missing(event, amendment)}
        if amendment.amends_id is not None:
            found["amends_at"] = _shown(target_of([amendment.amends_id]).get(amendment.amends_id))
    if may_be_amended(event.promotion):
        found["arrived_at"] = _shown(target_of([event.pk]).get(event.pk))
    return found


def _amended_by(event: Event) -> list[Amendment]:
    rows = Amendment.objects.filter(amends=event).select_related("event__promotion", "event__event_type")
    return list(rows.defer("current", "event__document", "event__value", "event__headers").order_by("pk")[:MOST])


def _rows(event: Event, amendment: Amendment, marks: Marks) -> list[ShownDifference]:
    """The values on the target when it was proposed, and those that it would set: what it does not name stays."""
    body = outgoing(event)
    try:
        tree = read(body.schema, body.data, WEB_LIMITS)
    except MalformedValue:
        return []  # the page says that the event is too large for it
    after = json.loads(search_json(body.schema, {name: value for name, value in tree.items() if name != FIELD}))
    before = amendment.current.get("values", {})
    return difference_rows({name: before[name] for name in after if name in before}, after, marks)


def _missing(event: Event, amendment: Amendment) -> list[str]:
    try:
        return missing_of(event, amendment)
    except MalformedValue:
        return []


def _shown(place: tuple[int, int] | None) -> str:
    return "" if place is None else f"{place[0]}:{place[1]}"
