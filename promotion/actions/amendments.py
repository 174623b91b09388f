"""What a plan has to know of amendments, and a person's word that a value which was made up is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.db import transaction

from promotion.actions import audit
from promotion.actions.edit import EditConflict, lock_editable
from promotion.actions.outgoing import outgoing
from promotion.domain.amend import unfilled
from promotion.domain.decode import read
from promotion.domain.identity import Identity
from promotion.domain.schema import Schema
from promotion.errors import InvalidInput, Refused
from promotion.models import Amendment, Event, Promotion
from promotion.policy import Actor
from promotion.states import Origin


@dataclass(frozen=True, slots=True)
class _Known:
    found_at: str
    needs: list[str]
    identity: str


@dataclass(frozen=True, slots=True)
class Amendments:
    """The amendments among a promotion's events; nothing for other promotions."""

    _rows: dict[int, _Known] = field(default_factory=dict)

    @classmethod
    def load(cls, promotion: Promotion) -> Self:
        """Read what was noted when they were proposed."""
        if promotion.origin != Origin.AMENDMENTS:
            return cls()
        rows: Any = Amendment.objects.filter(event__promotion=promotion).values_list(
            "event_id", "found_at", "current__needs", "current__identity"
        )
        return cls({pk: _Known(found_at, needs or [], identity) for pk, found_at, needs, identity in rows})

    def check(self, event_id: int, schema: Schema, tree: Mapping[str, Any]) -> None:
        """Raise InvalidInput where the event holds values that nobody has given: they were made up to fit the type."""
        known = self._rows.get(event_id)
        missing = unfilled(schema, tree, known.needs) if known is not None and known.needs else []
        if missing:
            raise InvalidInput(
                f"It needs a value at {', '.join(missing)}: the target does not say which, and the type has no "
                "default for it.",
                "Edit the event, or say on its page that what stands there is meant.",
            )

    def knows(self, event_id: int, identity: Identity | None) -> str | None:
        """Return where the newest record lay that the amendment was made from; None where it is about another thing."""
        known = self._rows.get(event_id)
        if known is None or identity is None or identity.digest.hex() != known.identity:
            return None
        return known.found_at


def missing_of(event: Event, amendment: Amendment) -> list[str]:
    """Return the paths of an amendment that still need a value."""
    needs = amendment.current.get("needs", [])
    body = outgoing(event)
    return unfilled(body.schema, read(body.schema, body.data), needs) if needs else []


def keep_values(actor: Actor, event: Event, version: int) -> None:
    """Take what an amendment holds as meant where nobody has given a value: an empty text, a zero, null.

    Raises Refused where nothing is missing or the promotion is not editable, EditConflict for another version.
    """
    with transaction.atomic():
        promotion = lock_editable(actor, event.promotion_id)
        amendment = Amendment.objects.select_for_update().filter(event=event).first()
        missing = missing_of(event, amendment) if amendment is not None else []
        if amendment is None or not missing:
            raise Refused(f"Event {event} needs no value.", "Nothing has to be said of it.")
        if Event.objects.filter(pk=event.pk, version=version).update(version=version + 1) != 1:
            raise EditConflict(Event.objects.get(pk=event.pk))
        amendment.current = amendment.current | {"needs": []}
        amendment.save(update_fields=["current"])
        Promotion.objects.changed(promotion.pk, actor.pk)
        audit.record(actor, "keep values", promotion, after={"event": str(event), "fields": missing})
