"""What a pass of rules reported, without the values of sensitive fields: how many events change is all that is told."""

from __future__ import annotations

from typing import Any

from promotion.actions.masking import Masks
from promotion.domain.marks import HIDDEN, Marks, Touch
from promotion.models import Event, RulePass

Rows = list[dict[str, Any]]


def masked(run: RulePass, masks: Masks) -> tuple[Rows, Rows]:
    """Return the fields and the samples of a pass as one reader may see them, in the form that the pass has them."""
    ids = Event.objects.filter(promotion=run.promotion_id).order_by().values_list("event_type", flat=True).distinct()
    marks = masks.of_types(pk for pk in ids if pk is not None) if run.fields or run.samples else Marks()
    if not marks:
        return run.fields, run.samples
    fields = [_field(marks, each) for each in run.fields]
    return fields, [each | {"changes": masks.changes(marks, each["changes"])} for each in run.samples]


def _field(marks: Marks, field: dict[str, Any]) -> dict[str, Any]:
    """How many different values there are, and how often each stands there, is told of no sensitive field."""
    if marks.touch(field["path"]) is Touch.NOT:
        return field
    value = {"from": HIDDEN, "to": HIDDEN, "events": field["events"]}
    return field | {"values": [value], "more": 0}
