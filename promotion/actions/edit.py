"""Edit what goes out: every change is a revision, and a change made on something older is refused.

The original bytes are never touched. `document`, `host` and `user` follow the outgoing event, so that filters find
what will be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from promotion.actions import approach, audit, masking, search_index
from promotion.actions.outgoing import Body, changes, original, outgoing, written_in
from promotion.actions.rewrite_event import EventRewriter, base_of
from promotion.actions.rewrite_load import load
from promotion.actions.rewrite_schemas import KnownTypes
from promotion.actions.rewrite_write import write as write_changes
from promotion.domain.decode import Limits, read
from promotion.domain.event_id import host_of, user_of
from promotion.domain.json_codec import parse_json, search_document
from promotion.domain.masks import refuse_new_masks
from promotion.domain.schema import parse
from promotion.errors import Conflict, Refused
from promotion.models import AvroSchema, Event, Promotion, Revision, RuleList
from promotion.models.event import MOST_IDS, EventQuerySet
from promotion.policy import MANAGE, Actor, require
from promotion.states import RevisionKind

#: Positions that an audit entry names.
AUDITED = 1_000
#: What the web process is willing to decode; larger events are edited by file, in a worker.
WEB_LIMITS = Limits(max_value_bytes=1024 * 1024, max_values=50_000)


class EditConflict(Conflict):
    """Somebody else changed the event first. `current` is the event as it is now; what was typed is the caller's."""

    def __init__(self, current: Event) -> None:
        super().__init__(
            f"Event {current} was changed by somebody else while you were editing.",
            "Nothing was saved and nothing is lost: your text is still there. Compare it with theirs, then save again.",
        )
        self.current = current


def edit(actor: Actor, event: Event, version: int, text: str) -> Event:
    """Make `text` (JSON, in the schema of what goes out now) the outgoing event, and return it.

    A mask in its own place stands for the value that goes out now; anywhere else it is refused.
    `version` is the event's version that the person saw. Raises MalformedJson or DoesNotFit with every problem,
    EditConflict where the version has moved on, Refused where the promotion is not editable. Text that changes
    nothing makes no revision.
    """
    body, now = encoded(event, text), outgoing(event)
    if event.version == version and not changes(now, body):
        return event
    return revise(actor, event, version, RevisionKind.EDIT, body)


def encoded(event: Event, text: str) -> bytes:
    """Return the body of `text` in the schema of what goes out of `event` now. Raises MalformedJson, DoesNotFit.

    Refused where the event is in quarantine.
    """
    _readable(event)
    return masking.encoded(event, outgoing(event), parse_json(text, WEB_LIMITS), WEB_LIMITS)


def undo(actor: Actor, event: Event, version: int) -> Event:
    """Go back to the version before what somebody made by hand last; undo again goes one further.

    The promotion's rules are done to it anew. Raises Refused where nobody has edited the event by hand.
    """
    current = base_of(event) or _reset(event)
    if current is None and event.revision is not None:
        raise Refused(
            f"Event {event} was changed by the promotion's rules only: there is no edit to undo.",
            "Undo the rule for all events on the page of the rules, let it not match this one, or edit the event.",
        )
    if current is None:
        raise Refused(f"Event {event} is the original: there is nothing to undo.")
    before = _under(current)
    body = bytes(before.body) if before and before.body is not None else None
    return revise(actor, event, version, RevisionKind.UNDO, body, before)


def back_to_original(actor: Actor, event: Event, version: int) -> Event:
    """Drop what was edited by hand; the promotion's rules still apply. The history stays, and `undo` takes it back.

    Raises like `edit`.
    """
    if base_of(event) is None:
        raise Refused(f"Event {event} is the original already, as far as nobody but the rules has changed it.")
    return revise(actor, event, version, RevisionKind.ORIGINAL, None, None)


def revise(
    actor: Actor,
    event: Event,
    version: int,
    kind: RevisionKind,
    body: bytes | None,
    before: Revision | None = None,
    note: str = "",
) -> Event:
    """Write one revision: `body` in the event's schema, None for the original. Returns the changed event.

    For an undo `before` is the revision gone back to; its parent becomes the new one's.
    """
    with transaction.atomic():
        promotion = lock_editable(actor, event.promotion_id)
        if kind == RevisionKind.EDIT or (before is not None and before.body is not None and _by_hand(before)):
            approach.refuse_values(promotion)
        revision = write_revision(actor, event, version, kind, body, before, note)
        if kind in (RevisionKind.UNDO, RevisionKind.ORIGINAL):
            _redo_rules(actor, promotion, event.pk)
        audit.record(actor, kind.label.lower(), promotion, after={"event": str(event), "revision": revision.number})
    return Event.objects.select_related("revision__parent", "revision__schema", "schema", "event_type").get(pk=event.pk)


def _by_hand(revision: Revision) -> bool:
    return revision.kind != RevisionKind.RULES


def lock_editable(actor: Actor, promotion_id: int) -> Promotion:
    """Return the promotion, locked so that no replay starts meanwhile. Raises Refused unless it may be edited now."""
    require(actor, MANAGE)
    promotion = Promotion.objects.select_for_update().get(pk=promotion_id)
    if not promotion.editable:
        raise Refused(
            f"Promotion {promotion.pk} is {promotion.get_state_display().lower()}: its events cannot be changed.",
            "They can be changed after the export and before the replay.",
        )
    return promotion


def write_revision(
    actor: Actor,
    event: Event,
    version: int,
    kind: RevisionKind,
    body: bytes | None,
    before: Revision | None = None,
    note: str = "",
) -> Revision:
    """Add the revision and point the event to it. Inside the transaction of `lock_editable`; raises EditConflict."""
    original_schema = _readable(event)
    if body is not None and kind != RevisionKind.UNDO:
        refuse_new_masks(body, outgoing(event).data)
    if kind == RevisionKind.UNDO:
        schema, rules = (before.schema, before.rules) if before else (original_schema, [])
    else:
        schema, rules = written_in(event), RuleList.objects.applied_ids(event.promotion_id)
    newest = Revision.objects.filter(event=event).first()
    revision = Revision.objects.create(
        event=event,
        number=newest.number + 1 if newest else 1,
        parent=event.revision if kind != RevisionKind.UNDO else before and before.parent,
        kind=kind,
        schema=schema,
        body=body,
        rules=[] if body is None else rules,
        author=actor,
        note=note,
    )
    data = original(event) if body is None else Body(parse(schema.text), body)
    values = {
        "revision": None if body is None else revision,
        "version": version + 1,
        **dict(zip(("document", "host", "user"), searchable(data), strict=True)),
    }
    if Event.objects.filter(pk=event.pk, version=version).update(**values) != 1:
        raise EditConflict(Event.objects.get(pk=event.pk))
    Promotion.objects.changed(event.promotion_id, actor.pk)
    return revision


def _readable(event: Event) -> AvroSchema:
    """Return the schema that the event was read with."""
    if event.quarantined or event.schema is None:
        raise Refused(f"Event {event} is in quarantine: it cannot be read, so it cannot be edited.")
    return event.schema


def _redo_rules(actor: Actor, promotion: Promotion, event_id: int) -> None:
    """Do the promotion's rules to an event whose base has become another one. Raises Refused where they cannot be."""
    rules = RuleList.objects.applied(promotion.pk)
    if not rules:
        return
    [event] = load(Event.objects.filter(pk=event_id))
    result = EventRewriter(promotion, rules, KnownTypes(promotion)).rewrite(event)
    if result.refuses:
        raise Refused(
            f"The promotion's rules would make event {event} invalid.", "Change the rules first.", [*result.problems]
        )
    if result.change is not None:
        write_changes(actor.pk, [result.change], "")


def _under(revision: Revision) -> Revision | None:
    """What stood there before, the rules' work passed over."""
    parent = revision.parent
    return parent.parent if parent is not None and parent.kind == RevisionKind.RULES else parent


def _reset(event: Event) -> Revision | None:
    """Return the newest revision if it went back to the original: that can be undone as well."""
    made = Revision.objects.select_related("parent").filter(event=event).exclude(kind=RevisionKind.RULES)
    newest = made.first()
    return newest if newest and newest.kind == RevisionKind.ORIGINAL else None


def searchable(body: Body) -> tuple[object, str, str]:
    """Return what an event's `document`, `host` and `user` are for this body."""
    tree = read(body.schema, body.data)
    return search_document(body.schema, tree), _clean(host_of(tree)), _clean(user_of(tree))


def _clean(text: str | None) -> str:
    return (text or "").replace("\0", "\ufffd")


@dataclass(frozen=True, slots=True)
class Excluded:
    """How many events changed, and which: `ids` is empty where there are more than MOST_IDS."""

    count: int
    ids: list[int]


def exclude(actor: Actor, promotion: Promotion, event_ids: Sequence[int], excluded: bool = True) -> Excluded:
    """Leave the events out of what goes out, or take them in again.

    Quarantined events never go out and are not touched. The audit entry names them by position, at most 1,000.
    """
    return exclude_matching(actor, promotion, promotion.events.filter(pk__in=event_ids), excluded)


def exclude_matching(
    actor: Actor, promotion: Promotion, chosen: EventQuerySet, excluded: bool = True, expected: int | None = None
) -> Excluded:
    """Do the same for a queryset of the promotion's events, in one statement.

    Raises Conflict, and changes nothing, where another number than `expected` would change.
    """
    require(actor, MANAGE)
    search_index.set_aside(promotion.pk, expected or 0)
    with transaction.atomic():
        lock_editable(actor, promotion.pk)
        changed = chosen.excludable(excluded)
        first = list(changed.in_order().values_list("pk", "partition", "offset")[: MOST_IDS + 1])
        count = changed.order_by().set_excluded(excluded) if first else 0
        if expected is not None and count != expected:
            raise Conflict(
                f"{count:,} events would change now, not {expected:,}: somebody else changed some meanwhile.",
                "Nothing was changed. Look at the list again.",
            )
        if count:
            positions = [f"{partition}:{offset}" for _, partition, offset in first[:AUDITED]]
            after = {"events": count, "positions": positions}
            Promotion.objects.changed(promotion.pk, actor.pk)
            audit.record(actor, "exclude" if excluded else "include", promotion, after=after)
    return Excluded(count, [pk for pk, _, _ in first] if count <= MOST_IDS else [])
