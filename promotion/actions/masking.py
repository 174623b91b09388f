"""Which values of events one reader sees: the marks of their types as they are now, and what stands in their place.

Nothing that is stored is changed. `Masks` is made for one page, file or answer and asks the table once. Where somebody
may see the values and has asked for them it lets them through, and counts what it let through for the audit entry.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import Case, F, Func, JSONField, Q, TextField, Value, When
from django.db.models.functions import Cast

from promotion.actions import audit
from promotion.actions.loaded_events import LoadedEvent
from promotion.actions.outgoing import Body
from promotion.domain.identity import HOST, Identity
from promotion.domain.json_codec import DoesNotFit, from_json_value, to_json_value
from promotion.domain.json_text import exact_text
from promotion.domain.limits import DEFAULT_LIMITS, Limits
from promotion.domain.marks import HIDDEN, Marks, Touch
from promotion.domain.masks import masked, masked_beside, may_hold_mask, unmasked, veiled
from promotion.errors import InvalidInput
from promotion.models import Event, EventType, Promotion
from promotion.models.event import EventFilter, EventQuerySet
from promotion.policy import SENSITIVE, Actor, require

VERB = "see sensitive values"
WHO = "Somebody in the group 'sensitive reader' may, or an admin, once they have chosen to see the values."
NONE = Marks()
AnyEvent = Event | LoadedEvent


@dataclass(frozen=True, slots=True)
class _Type:
    id: int
    full_name: str
    aggregate: str
    marks: Marks
    identity: tuple[str, ...]


class Masks:
    """The marks of all types, read once. With `shown` values are let through.

    `seen` counts what was let through, `hid` what was masked: events, names of things, fields of reports.
    """

    def __init__(self, *, shown: bool = False) -> None:
        self.shown = shown
        self.seen = self.hid = 0

    def of(self, event: AnyEvent) -> Marks:
        """Return what is to be masked of an event: by its type, and by the type that rules made it one of."""
        return self._let_through(self.real(event))

    def of_types(self, ids: Iterable[int]) -> Marks:
        """Return what is to be masked of any event of these types, by the ids of their rows."""
        found = NONE
        for pk in ids:
            found |= self._by_id[pk].marks if pk in self._by_id else NONE
        return self._let_through(found)

    def of_names(self, *full_names: str | None) -> Marks:
        """Return what is to be masked of an event that is or was of these types."""
        return self._let_through(self.named(*(name for name in full_names if name)))

    def named(self, *full_names: str) -> Marks:
        """Return the marks of types by their full names, whatever is shown."""
        found = NONE
        for name in dict.fromkeys(full_names):
            found |= self._by_name[name].marks if name in self._by_name else NONE
        return found

    def real(self, event: AnyEvent) -> Marks:
        """Return the marks of an event whatever is shown: what comes back is looked at by these."""
        return self.written(event.event_type_id, _revised_as(event))

    def written(self, event_type_id: int | None, full_name: str | None) -> Marks:
        """Return the marks of an event of a type whose revision is of the type `full_name`; None where it has none."""
        known = self._by_id.get(event_type_id or 0)
        found = known.marks if known is not None else NONE
        if full_name is None or known is None or full_name == known.full_name:
            return found
        return found | self.named(full_name)

    def bytes_of(self, event: Event) -> bool:
        """Whether the bytes of an event may be seen as they are: where its type has marks they hold everything."""
        return not self._let_through(self.real(event))

    def value(self, event: AnyEvent, body: Body, plain: Any = None, limits: Limits = DEFAULT_LIMITS) -> Any:
        """Return the JSON value of one version of an event with its masks, as `domain.masks.masked` does."""
        marks = self.of(event)
        if not marks:  # most events: no key is made for them
            return to_json_value(body.schema, body.data, limits) if plain is None else plain
        return masked(body.schema, to_json_value(body.schema, body.data, limits), marks, key_of(event), plain)

    def label(self, label: str) -> str:
        """Return what to call a thing whose `label` is its aggregate and its values: these may be sensitive."""
        aggregate = label.partition(" ")[0]
        return f"{aggregate} {HIDDEN}" if self.hides(aggregate) else label

    def unnamed(self, text: str) -> list[int]:
        """Return the ids of the types whose things no search for `text` may find by their values."""
        known = [each for each in self._types if each.aggregate in self._identities]
        self.seen += self.shown and bool(text and known)
        return [] if self.shown else [each.id for each in known if text.lower() not in each.aggregate.lower()]

    def identity(self, thing: Identity) -> Identity:
        """Return the thing with a mask for each of its values that is sensitive."""
        if not self.hides(thing.aggregate):
            return thing
        hidden = self._identities[thing.aggregate]
        values = tuple(HIDDEN if n in hidden else text for n, text in enumerate(thing.values))
        return Identity(thing.aggregate, values)

    def hides(self, aggregate: str) -> bool:
        """Whether a key field of the things of an aggregate is masked here."""
        found = aggregate in self._identities
        self.seen += found and self.shown
        self.hid += found and not self.shown
        return found and not self.shown

    def changes(self, marks: Marks, changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return differences `{"path", "from", "to"}` with masks; whether a sensitive value was null is not told."""
        if not marks:
            return list(changes)
        return [each | _hidden(marks, each) for each in changes]

    def search(self, events: EventQuerySet, text: str) -> EventQuerySet:
        """Return those of `events`, found by `text`, that hold it in what may be seen of them."""
        if not text or not self._marked:
            return events
        if self.shown:
            self.seen += 1
            return events
        marked = [each.id for each in self._marked]
        beside = events.alias(beside=Cast(_without(self._marked), TextField()))
        return beside.filter(~Q(event_type__in=marked) | Q(beside__icontains=_written(text)))

    def check(self, promotion: Promotion, wanted: EventFilter) -> None:
        """Raise InvalidInput where a filter asks for a value that is masked in any type of the promotion."""
        touched = [each.id for each in self._marked if each.marks.touch(wanted.path)] if wanted.path else []
        used = promotion.events.order_by().values("event_type")
        if not touched or not EventType.objects.filter(pk__in=touched).filter(pk__in=used).exists():
            return
        if not self.shown:
            raise InvalidInput(f"{wanted.path} is, holds or lies in a sensitive field: it cannot be filtered by.", WHO)
        self.seen += 1

    def audit(self, actor: Actor, promotion: Promotion, what: dict[str, Any]) -> None:
        """Write who saw values, where any were let through; `what` says which page or file, never a value."""
        if self.shown and self.seen:
            audit.record(actor, VERB, promotion, after=what)

    def _let_through(self, marks: Marks) -> Marks:
        self.seen += self.shown and bool(marks)
        self.hid += not self.shown and bool(marks)
        return NONE if self.shown else marks

    @cached_property
    def _types(self) -> list[_Type]:
        fields = ("full_name", "aggregate", "sensitive_fields", "proposed_sensitive_fields", "key_fields",
                  "proposed_key_fields")  # fmt: skip
        return [
            _Type(row.pk, row.full_name, row.aggregate, Marks(row.masked_fields), tuple(row.identity_fields))
            for row in EventType.objects.only(*fields).order_by("full_name")
        ]

    @cached_property
    def _by_id(self) -> dict[int, _Type]:
        return {each.id: each for each in self._types}

    @cached_property
    def _by_name(self) -> dict[str, _Type]:
        return {each.full_name: each for each in self._types}

    @cached_property
    def _marked(self) -> list[_Type]:
        return [each for each in self._types if each.marks]

    @cached_property
    def _identities(self) -> dict[str, set[int]]:
        """Aggregate -> which of the values that name a thing are sensitive, in any of its types."""
        found: dict[str, set[int]] = {}
        for each in self._types:
            if hidden := {n for n, path in enumerate(each.identity) if _sensitive(each.marks, path)}:
                found.setdefault(each.aggregate, set()).update(hidden)
        return found


def reader(actor: Actor | None, *, sensitive: bool) -> Masks:
    """Return the masks for a command or a file, which ask for values with `sensitive`. Raises Refused, InvalidInput."""
    if not sensitive:
        return Masks()
    if actor is None:
        raise InvalidInput("Nobody is named who sees the sensitive values.", "Say so with --as USER.")
    require(actor, SENSITIVE)
    return Masks(shown=True)


def key_of(event: AnyEvent) -> bytes:
    """Return what the codes in an event's masks are made with: a mask of another event does not fit."""
    place = f"mask {event.promotion_id}:{event.partition}:{event.offset}"
    return hmac.digest(settings.SECRET_KEY.encode(), place.encode(), hashlib.sha256)


def encoded(
    event: AnyEvent, now: Body, value: Any, limits: Limits = DEFAULT_LIMITS, masks: Masks | None = None
) -> bytes:
    """Return the Avro body of a JSON value in which masks stand for values of `now`, what goes out of `event`.

    Raises DoesNotFit with every problem; none of them shows a masked value.
    """
    marks = (masks or Masks()).real(event)
    if not marks and not may_hold_mask(exact_text(value)):
        return from_json_value(now.schema, value, limits)
    tree = to_json_value(now.schema, now.data, limits) if marks else None
    whole = unmasked(now.schema, value, tree, marks, key_of(event))
    try:
        return from_json_value(now.schema, whole, limits)
    except DoesNotFit as error:
        raise veiled(error, now.schema, marks) from None


def texts(masks: Masks, event: Event, before: Body, after: Body, limits: Limits) -> tuple[Any, Any]:
    """Return the values of two versions of an event with masks, those of `before` alike where both say the same."""
    marks, key = masks.of(event), key_of(event)
    one, other = (to_json_value(each.schema, each.data, limits) for each in (before, after))
    now = after.schema, other
    return masked_beside(before.schema, one, marks, key, now), masked(*now, marks, key)


def _revised_as(event: AnyEvent) -> str | None:
    if isinstance(event, LoadedEvent):
        return event.revised_as
    return None if event.revision is None else event.revision.schema.full_name


def _hidden(marks: Marks, change: dict[str, Any]) -> dict[str, Any]:
    path = str(change.get("path", ""))
    if marks.touch(path) is Touch.WITHIN:
        return {"from": HIDDEN, "to": HIDDEN}
    return {side: marks.hidden(path, change.get(side)) for side in ("from", "to")}


def _sensitive(marks: Marks, path: str) -> bool:
    return path != HOST and marks.touch(path) is Touch.WITHIN


def _without(marked: Sequence[_Type]) -> Func:
    """The document of an event without its sensitive values, by the marks of its type; see migration 0011."""
    by_paths: dict[tuple[str, ...], list[_Type]] = {}
    for each in marked:
        by_paths.setdefault(each.marks.paths, []).append(each)
    whens = [
        When(event_type__in=[each.id for each in types], then=Value(types[0].marks.parts(), JSONField()))
        for types in by_paths.values()
    ]
    paths = Case(*whens, output_field=JSONField())
    return Func(F("document"), paths, function="promotion_masked", output_field=JSONField())


def _written(text: str) -> str:
    """Return the text as jsonb writes it."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
