"""Outgoing events as a file of any format, streamed in the order of replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from promotion.actions import audit
from promotion.actions.loaded_events import LoadedEvent, SchemaRows, load
from promotion.actions.masking import VERB, Masks, reader
from promotion.domain.files.items import FileEvent, Format
from promotion.domain.files.unions import plain_json_value
from promotion.domain.files.writing import write
from promotion.errors import Refused
from promotion.models import Export, Promotion
from promotion.models.event import EventQuerySet
from promotion.policy import VIEW, Actor, require
from promotion.states import Origin, PromotionState

#: Events in memory at a time: each may be as large as Kafka lets a record be.
CHUNK = 200
#: Characters that are sent or written at once.
BLOCK = 64 * 1024
NOT_YET = {PromotionState.DRAFT, PromotionState.EXPORTING, PromotionState.IMPORTING, PromotionState.IMPORT_FAILED}
#: How a file of each format ends, and what it is called on the way.
ENDINGS = {
    Format.JSONL: ("jsonl", "application/x-ndjson"),
    Format.JSON: ("json", "application/json"),
    Format.LINES: ("lines.txt", "text/plain; charset=utf-8"),
    Format.CLOUDEVENTS: ("cloudevents.json", "application/cloudevents-batch+json; charset=utf-8"),
}


class Download:
    """A file, piece by piece: joined they are all of it. `events` is how many have been written so far."""

    def __init__(self, form: Format, events: Iterable[FileEvent], about: dict[str, Any]) -> None:
        self.form = form
        self.events = 0
        self._pieces = write(form, self._counted(events), about)

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def blocks(self) -> Iterator[bytes]:
        """Yield the same in UTF-8, in pieces that are worth sending."""
        block, size = [], 0
        for piece in self:
            block.append(piece)
            size += len(piece)
            if size >= BLOCK:
                yield "".join(block).encode()
                block, size = [], 0
        yield "".join(block).encode()

    def _counted(self, events: Iterable[FileEvent]) -> Iterator[FileEvent]:
        for event in events:
            yield event
            self.events += 1


def download(
    actor: Actor | None,
    promotion: Promotion,
    everything: bool = False,
    form: Format = Format.JSONL,
    plain: bool = False,
    sensitive: bool = False,
) -> Download:
    """Return the outgoing events as a file; with `everything` the excluded ones too.

    `plain` leaves the branches of unions out where reading finds them again. `actor` may be None for the command line,
    which has the database anyway. Sensitive values are masked unless `sensitive` asks for them and `actor` may see
    them: that is audited. Reads through a server-side cursor: memory does not grow with the number of events. Raises
    Refused before there is anything to download.
    """
    if actor is not None:
        require(actor, VIEW)
    masks = reader(actor, sensitive=sensitive)
    if promotion.state in NOT_YET:
        what = "imported" if promotion.origin == Origin.FILE else "exported"
        raise Refused(f"Promotion {promotion.pk} is not {what} yet.", "There is something to download after that.")
    events = promotion.events.filter(quarantine_reason="") if everything else promotion.events.outgoing()
    about = _about(promotion, events)
    if sensitive and actor is not None:
        after = {"page": "download", "format": form.value, "events": about["events"], "all": everything}
        audit.record(actor, VERB, promotion, after=after)
    return Download(form, _entries(events, plain, masks), about)


def file_name(promotion: Promotion, form: Format = Format.JSONL) -> str:
    """Return a name made of safe characters only, whatever the title is."""
    source = promotion.source.name if promotion.source is not None else promotion.origin
    return f"promotion-{promotion.pk}-{source}-to-{promotion.target.name}.{ENDINGS[form][0]}"


def _about(promotion: Promotion, events: EventQuerySet) -> dict[str, Any]:
    export = Export.objects.filter(promotion=promotion).first()
    return {
        "promotion": promotion.pk,
        "title": promotion.title,
        "source": promotion.source_label,
        "target": promotion.target.name,
        # Of events without an id of their own one is made of the place: files of the same name are not the same place.
        "topic": promotion.source.topic if promotion.source is not None else export.cluster_id if export else "",
        "exported_at": _finished_at(export),
        "events": events.count(),
    }


def _finished_at(export: Export | None) -> str | None:
    return export.finished_at.isoformat(timespec="seconds") if export and export.finished_at else None


def _entries(events: EventQuerySet, plain: bool, masks: Masks) -> Iterator[FileEvent]:
    for number, event in enumerate(load(events.in_order(), SchemaRows(), CHUNK), start=1):
        yield _entry(number, event, plain, masks)


def _entry(number: int, event: LoadedEvent, plain: bool, masks: Masks) -> FileEvent:
    body = event.outgoing
    assert body is not None, "a quarantined event is in no file"
    untagged = plain_json_value(body.schema, body.data)[0] if plain else None
    return FileEvent(
        number=number,
        value=masks.value(event, body, untagged),
        type_name=body.schema.full_name,
        key=event.key,
        timestamp=event.timestamp,
        partition=event.partition,
        offset=event.offset,
        version=event.version,
        excluded=event.excluded,
    )
