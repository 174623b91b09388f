"""Apply a compared file: all of its good lines or, where something moved meanwhile, none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from promotion.actions import approach, audit, search_index
from promotion.actions.edit import lock_editable, searchable
from promotion.actions.outgoing import Body
from promotion.domain.schema import parse
from promotion.errors import Conflict, Refused
from promotion.models import AvroSchema, Event, LineVerdict, Promotion, Revision, RuleList, Upload, UploadLine
from promotion.policy import MANAGE, Actor, require
from promotion.states import RevisionKind

BATCH = 500
#: Not needed to write a change, and large.
UNUSED = ("event__document", "event__value", "event__headers", "event__revision__body")
APPLICABLE = (LineVerdict.CHANGED, LineVerdict.EXCLUDED, LineVerdict.INCLUDED)
FAULTY = (LineVerdict.UNKNOWN, LineVerdict.STALE, LineVerdict.DUPLICATE, LineVerdict.INVALID)


def apply(actor: Actor, upload: Upload, exclude_missing: bool = False) -> int:
    """Make the file's changes, each a revision, and return how many events changed.

    With `exclude_missing` the outgoing events that the file does not mention are excluded. Raises Refused where the
    file is not compared yet or was applied or discarded, Conflict, with nothing applied, where an event was changed
    after the comparison.
    """
    require(actor, MANAGE)
    lines = upload.lines.filter(verdict__in=APPLICABLE)
    search_index.set_aside(upload.promotion_id, lines.count() + (upload.missing if exclude_missing else 0))
    with transaction.atomic():
        promotion = lock_editable(actor, upload.promotion_id)
        _take(upload)
        upload.refresh_from_db()
        if upload.lines.filter(verdict=LineVerdict.CHANGED).exists():
            approach.refuse_values(promotion)
        related = ("event__schema", "event__revision__schema")
        wanted = lines.select_related(*related).defer(*UNUSED)
        missing = _exclude_missing(promotion, upload) if exclude_missing else 0
        rules = RuleList.objects.applied_ids(promotion.pk)
        changed = sum(_apply(actor, batch, rules) for batch in _batches(wanted)) + missing
        if changed:
            Promotion.objects.changed(promotion.pk, actor.pk)
        audit.record(
            actor, "apply upload", promotion, after={"upload": upload.pk, "events": changed, "missing": missing}
        )
    return changed


def discard(actor: Actor, upload: Upload) -> None:
    """Throw the comparison away; nothing of the file was applied. Raises Refused where it was applied or discarded."""
    with transaction.atomic():
        promotion = lock_editable(actor, upload.promotion_id)
        if not _open(upload).update(discarded_at=timezone.now()):
            raise Refused("This file was applied or discarded already.")
        upload.chunks.all().delete()
        audit.record(actor, "discard upload", promotion, after={"upload": upload.pk})


def _take(upload: Upload) -> None:
    if not _open(upload).filter(compared_at__isnull=False).update(applied_at=timezone.now()):
        raise Refused("This file is not compared yet, or was applied or discarded already.", "Upload it again.")
    upload.chunks.all().delete()


def _open(upload: Upload) -> models.QuerySet[Upload]:
    return Upload.objects.filter(pk=upload.pk, applied_at__isnull=True, discarded_at__isnull=True)


def _batches(lines: models.QuerySet[UploadLine]) -> Iterator[list[UploadLine]]:
    number = 0
    while batch := list(lines.filter(number__gt=number).order_by("number")[:BATCH]):
        yield batch
        number = batch[-1].number


def _exclude_missing(promotion: Promotion, upload: Upload) -> int:
    """Exclude what the file does not mention. Raises Conflict where that is not what the report showed."""
    mentioned = upload.lines.filter(event=OuterRef("pk"))
    events = promotion.events.outgoing().exclude(Exists(mentioned))
    count = events.set_excluded(True)
    if count != upload.missing:
        raise Conflict(
            f"{count:,} outgoing events are not in the file now; there were {upload.missing:,} when it was compared.",
            "Nothing was applied. Upload the file again: the comparison then shows what is there now.",
        )
    return count


def _apply(actor: Actor, lines: list[UploadLine], rules: list[str]) -> int:
    """Apply a batch: its revisions in one insert, its events in one update."""
    _lock_unchanged(lines)
    revisions = _revisions(actor, [line for line in lines if line.body is not None], rules)
    return Event.objects.change(_change(line, revisions) for line in lines)


def _schema(event: Event) -> AvroSchema | None:
    """The schema that the line was compared in: an event has a revision only where that has a body."""
    return event.schema if event.revision is None else event.revision.schema


def _change(line: UploadLine, revisions: dict[int, Revision]) -> dict[str, Any]:
    event = line.event
    assert event is not None, "a line that changes something is about an event"
    excluded = {LineVerdict.EXCLUDED: True, LineVerdict.INCLUDED: False}.get(LineVerdict(line.verdict), event.excluded)
    change: dict[str, Any] = {"id": event.pk, "excluded": excluded}
    revision = revisions.get(event.pk)
    if revision is not None and revision.body is not None:
        document, host, user = searchable(Body(parse(revision.schema.text), bytes(revision.body)))
        change |= {"revision_id": revision.pk, "document": document, "host": host, "user": user}
    return change


def _lock_unchanged(lines: list[UploadLine]) -> None:
    now = dict(
        Event.objects.select_for_update()
        .order_by("pk")
        .filter(pk__in=[line.event_id for line in lines])
        .values_list("pk", "version")
    )
    moved = [line.number for line in lines if line.event_id is not None and now[line.event_id] != line.event_version]
    if moved:
        shown = ", ".join(str(number) for number in moved[:10])
        raise Conflict(
            f"{len(moved)} events were changed by somebody else after the file was compared (lines {shown}).",
            "Nothing was applied. Upload the file again: the comparison then shows both.",
        )


def _revisions(actor: Actor, lines: list[UploadLine], rules: list[str]) -> dict[int, Revision]:
    newest = dict(
        Revision.objects.filter(event__in=[line.event_id for line in lines])
        .values_list("event")
        .annotate(number=Max("number"))
    )
    made = Revision.objects.bulk_create(
        Revision(
            event=line.event,
            number=newest.get(line.event_id, 0) + 1,
            parent=line.event.revision,
            kind=RevisionKind.UPLOAD,
            schema=_schema(line.event),
            rules=rules,
            body=line.body,
            author=actor,
            note=f"line {line.number}",
        )
        for line in lines
        if line.event is not None and line.event.schema is not None
    )
    return {revision.event_id: revision for revision in made}
