"""Edit the same field in many events: looked at first, then done in one transaction and undone as one.

Each event that changes gets a revision of its own, as if somebody had edited it. Events that cannot take the value stay
as they are. What was looked at is what is changed: where an event has changed since, nothing is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Max

from promotion.actions import approach, audit, search_index
from promotion.actions.edit import AUDITED, WEB_LIMITS, lock_editable, searchable
from promotion.actions.masking import Masks
from promotion.actions.outgoing import Body, outgoing, with_schemas, written_in
from promotion.actions.undo_together import take_back
from promotion.domain.diff import Difference
from promotion.domain.json_codec import DoesNotFit, from_json_value, to_json_value
from promotion.domain.masks import hidden_difference, refuse_masks
from promotion.domain.one_field import CannotTake, FieldSetter, meant
from promotion.domain.rewrite.path import InvalidPath, Path, parse_path
from promotion.domain.shown_difference import between, one_line
from promotion.domain.wire import MalformedValue
from promotion.errors import Conflict, InvalidInput, Refused
from promotion.models import Event, Promotion, Revision, RuleList
from promotion.models.event import MOST_IDS, EventQuerySet
from promotion.policy import MANAGE, Actor, require
from promotion.states import RevisionKind

BATCH = 500
#: Of a report: events with what changes, different values, and events that cannot take it.
MOST_SAMPLES, MOST_VALUES, MOST_UNFIT = 5, 2_000, 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which field, and its new value as somebody typed it: JSON or plain text; None clears it."""

    path: str
    text: str | None

    def setter(self) -> FieldSetter:
        """Return what sets it. Raises InvalidInput where the path is none, or may lead anywhere."""
        values = [None] if self.text is None else meant(self.text)
        refuse_masks(values)
        return FieldSetter(self._parsed(), values)

    def _parsed(self) -> Path:
        try:
            path = parse_path(self.path)
        except InvalidPath as error:
            raise InvalidInput(
                f"The field is no path. {error}", "For example: hostId, or owner.address.city."
            ) from None
        if path.everywhere:
            raise InvalidInput("A field is meant at one place.", "A rule changes a field wherever it stands.")
        return path


@dataclass(slots=True)
class Looked:
    """What setting the field would do: how many events are `seen`, `changing`, have the value already (`same`).

    `unfit` are events that cannot take it with the reason, the first of `unfit_count`. `values` counts the events by
    the values that are there now, as JSON in one line; `samples` are the first that change. `digest` is of the events
    and their versions: it is another one as soon as one of them was changed. `masks` are of whoever looks at `path`.
    """

    seen: int = 0
    changing: int = 0
    same: int = 0
    excluded: int = 0
    unfit_count: int = 0
    unfit: list[tuple[Event, str]] = field(default_factory=list)
    values: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[Event, list[Difference]]] = field(default_factory=list)
    digest: str = ""
    path: str = ""
    masks: Masks = field(default_factory=Masks)


@dataclass(frozen=True, slots=True)
class Done:
    """How many events changed; `first` and `last` bound the ids of their revisions, for `undo`."""

    count: int
    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Undone:
    """How many events went back, and how many did not, since somebody changed them meanwhile."""

    count: int
    kept: int


@dataclass(frozen=True, slots=True)
class _Change:
    event: Event
    body: Body


def look(promotion: Promotion, chosen: EventQuerySet, wanted: Wanted, masks: Masks | None = None) -> Looked:
    """Return what setting the field in the chosen events would do; nothing is changed. Raises like `apply`.

    Without `masks` what is sensitive is masked.
    """
    _refuse_too_many(chosen)
    approach.refuse_values(promotion)
    looked = Looked(path=wanted.path, masks=masks or Masks())
    digest, setter = _digest(wanted), wanted.setter()
    for event in _events(chosen):
        _look_at(event, setter, looked, digest)
    looked.digest = digest.hexdigest()
    return looked


def apply(actor: Actor, promotion: Promotion, chosen: EventQuerySet, wanted: Wanted, digest: str | None = None) -> Done:
    """Set the field in every chosen event that takes the value, each a revision, and return how many changed.

    Raises InvalidInput for a path that is none, Refused for too many events, where the originals go first, where
    nothing would change and where the promotion is not editable, Conflict, and changes nothing, where `digest` is not
    that of what is there now.
    """
    require(actor, MANAGE)
    search_index.set_aside(promotion.pk, chosen.order_by()[:MOST_IDS].count())
    with transaction.atomic():
        promotion = lock_editable(actor, promotion.pk)
        approach.refuse_values(promotion)
        _refuse_too_many(chosen)
        done = _apply(actor, promotion, chosen, wanted, digest)
        Promotion.objects.changed(promotion.pk, actor.pk)
    return done


def undo(actor: Actor, promotion: Promotion, first: int, last: int) -> Undone:
    """Take back what `apply` did: the revisions from `first` to `last`. The promotion's rules are done anew.

    An event that was changed since stays as it is. Raises Refused where none is left to go back.
    """
    require(actor, MANAGE)
    made = Revision.objects.filter(event__promotion=promotion, kind=RevisionKind.TOGETHER, pk__range=(first, last))
    search_index.set_aside(promotion.pk, made.count())
    with transaction.atomic():
        promotion = lock_editable(actor, promotion.pk)
        count, all_of_them = take_back(actor, promotion, made), made.count()
        if not count:
            raise Refused(
                "None of these events is still as this change left it: there is nothing to undo.",
                "Look at the events: each has its history.",
            )
        Promotion.objects.changed(promotion.pk, actor.pk)
        after = {"events": count, "revisions": [first, last], "kept": all_of_them - count}
        audit.record(actor, "undo edited together", promotion, after=after)
    return Undone(count, all_of_them - count)


def _apply(actor: Actor, promotion: Promotion, chosen: EventQuerySet, wanted: Wanted, digest: str | None) -> Done:
    looked, seen, setter = Looked(), _digest(wanted), wanted.setter()
    rules = RuleList.objects.applied_ids(promotion.pk)
    events = _events(chosen.select_for_update(of=("self",)))
    ids: list[int] = []
    positions: list[str] = []
    while batch := list(islice(events, BATCH)):
        changes = [change for event in batch if (change := _look_at(event, setter, looked, seen)) is not None]
        ids += _write(actor, changes, wanted, rules)
        positions += [str(change.event) for change in changes][: AUDITED - len(positions)]
    if digest is not None and seen.hexdigest() != digest:
        raise Conflict(
            "Events were changed by somebody else after you looked.",
            "Nothing was changed. Look again: what would change now is shown.",
        )
    if not ids:
        raise Refused("No event would change.", "Those that take the value have it already.")
    after = {"events": len(ids), "field": wanted.path[:200], "revisions": [min(ids), max(ids)], "positions": positions}
    audit.record(actor, RevisionKind.TOGETHER.label.lower(), promotion, after=after)
    return Done(len(ids), min(ids), max(ids))


def _refuse_too_many(chosen: EventQuerySet) -> None:
    if chosen.order_by()[: MOST_IDS + 1].count() > MOST_IDS:
        raise Refused(
            f"These are more than {MOST_IDS:,} events: too many to edit at once.",
            "A rule sets a field in as many events as there are, or take fewer with the filter.",
        )


def _events(chosen: EventQuerySet) -> Iterator[Event]:
    """The events in the order of their ids, with what `outgoing` needs."""
    rows = chosen.order_by("pk").select_related("revision", "event_type").defer("document", "key")
    return with_schemas(rows.iterator(chunk_size=BATCH))


def _digest(wanted: Wanted) -> Any:
    return hashlib.sha256(repr((wanted.path, wanted.text)).encode("utf-8", "surrogatepass"))


def _look_at(event: Event, setter: FieldSetter, looked: Looked, digest: Any) -> _Change | None:
    """Count what becomes of one event, and return its change, None where there is none."""
    looked.seen += 1
    digest.update(b"%d:%d\n" % (event.pk, event.version))
    try:
        body, differs, before = _changed(event, setter)
    except CannotTake as error:
        looked.unfit_count += 1
        if len(looked.unfit) < MOST_UNFIT:
            looked.unfit.append((event, str(error)))
        return None
    marks = looked.masks.of(event)
    _count_values(looked, [hidden_difference(marks, between(looked.path, value, None)).before for value in before])
    if not differs:
        looked.same += 1
        return None
    looked.changing += 1
    looked.excluded += event.excluded
    if len(looked.samples) < MOST_SAMPLES:
        looked.samples.append((event, [hidden_difference(marks, each) for each in differs]))
    return _Change(event, body)


def _changed(event: Event, setter: FieldSetter) -> tuple[Body, list[Difference], Sequence[Any]]:
    """Return the new body of an event, what differs, and the values that were there. Raises CannotTake."""
    if event.quarantined:
        raise CannotTake("It is in quarantine: it cannot be read.")
    now = outgoing(event)
    try:
        tree, differs, before = setter.set(now.schema, to_json_value(now.schema, now.data, WEB_LIMITS))
        return Body(now.schema, from_json_value(now.schema, tree, WEB_LIMITS)), differs, before
    except MalformedValue as error:
        raise CannotTake(f"It is too large for this: {error.reason}. Edit it in a file.") from None
    except DoesNotFit as error:
        raise CannotTake(f"The value does not fit: {error.problems[0]}") from None


def _count_values(looked: Looked, before: Iterable[Any]) -> None:
    for text in dict.fromkeys(one_line(value, 200) for value in before):
        if text in looked.values or len(looked.values) < MOST_VALUES:
            looked.values[text] += 1


def _write(actor: Actor, changes: list[_Change], wanted: Wanted, rules: list[str]) -> list[int]:
    """Write the revisions in one insert and the events in one update; return the revisions' ids."""
    events = [change.event.pk for change in changes]
    newest = dict(Revision.objects.filter(event__in=events).order_by().values_list("event").annotate(n=Max("number")))
    made = Revision.objects.bulk_create(
        Revision(
            event=change.event,
            number=newest.get(change.event.pk, 0) + 1,
            parent=change.event.revision,
            kind=RevisionKind.TOGETHER,
            schema=written_in(change.event),
            rules=rules,
            body=change.body.data,
            author=actor,
            note=wanted.path[:300],
        )
        for change in changes
    )
    Event.objects.change(_columns(change, revision) for change, revision in zip(changes, made, strict=True))
    return [revision.pk for revision in made]


def _columns(change: _Change, revision: Revision) -> dict[str, Any]:
    document, host, user = searchable(change.body)
    about = {"id": change.event.pk, "excluded": change.event.excluded, "revision_id": revision.pk}
    return about | {"document": document, "host": host, "user": user}
