"""Apply a compared file: all of its good lines or, where something moved meanwhile, none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from promotion.actions import approach, audit, search_index
from promotion.actions.edit import lock_editable
from promotion.actions.loaded_events import SchemaRows
from promotion.actions.outgoing import Body, search_columns
from promotion.actions.upload_write import Uploaded, write
from promotion.errors import Conflict, Refused
from promotion.models import Event, LineVerdict, Promotion, RuleList, Upload, UploadLine
from promotion.policy import MANAGE, Actor, require

BATCH = 1_000
APPLICABLE = (LineVerdict.CHANGED, LineVerdict.EXCLUDED, LineVerdict.INCLUDED)
FAULTY = (LineVerdict.UNKNOWN, LineVerdict.STALE, LineVerdict.DUPLICATE, LineVerdict.INVALID)
FIELDS = (
    "number", "verdict", "body", "event_id", "event_version", "event__excluded", "event__schema_id",
    "event__revision_id", "event__revision__schema_id",
)  # fmt: skip


class _Line(NamedTuple):
    """A line with its event, in the order of FIELDS."""

    number: int
    verdict: str
    body: bytes | None
    event_id: int
    event_version: int
    excluded: bool
    schema_id: int | None
    revision_id: int | None
    revised_in: int | None


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
        missing = _exclude_missing(promotion, upload) if exclude_missing else 0
        rules = RuleList.objects.applied_ids(promotion.pk)
        schemas = SchemaRows()
        changed = sum(_apply(actor, batch, rules, schemas) for batch in _batches(lines)) + missing
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


def _batches(lines: models.QuerySet[UploadLine]) -> Iterator[list[_Line]]:
    number = 0
    while batch := [
        _Line(*row) for row in lines.filter(number__gt=number).order_by("number").values_list(*FIELDS)[:BATCH]
    ]:
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


def _apply(actor: Actor, lines: list[_Line], rules: list[str], schemas: SchemaRows) -> int:
    """Apply a batch: its revisions and its events in one statement."""
    _lock_unchanged(lines)
    return write(actor.pk, [_change(line, schemas) for line in lines], rules)


def _change(line: _Line, schemas: SchemaRows) -> Uploaded:
    excluded = {LineVerdict.EXCLUDED: True, LineVerdict.INCLUDED: False}.get(LineVerdict(line.verdict), line.excluded)
    # The schema that the line was compared in: an event has a revision only where that has a body.
    schema_id = line.schema_id if line.revision_id is None else line.revised_in
    if line.body is None or schema_id is None:
        return Uploaded(line.event_id, excluded)
    body = bytes(line.body)
    columns = search_columns(Body(schemas.of(schema_id), body))
    return Uploaded(line.event_id, excluded, line.revision_id, schema_id, body, f"line {line.number}", *columns)


def _lock_unchanged(lines: list[_Line]) -> None:
    now = dict(
        Event.objects.select_for_update()
        .order_by("pk")
        .filter(pk__in=[line.event_id for line in lines])
        .values_list("pk", "version")
    )
    moved = [line.number for line in lines if now[line.event_id] != line.event_version]
    if moved:
        shown = ", ".join(str(number) for number in moved[:10])
        raise Conflict(
            f"{len(moved)} events were changed by somebody else after the file was compared (lines {shown}).",
            "Nothing was applied. Upload the file again: the comparison then shows both.",
        )
