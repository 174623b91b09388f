"""Outgoing events as JSON Lines, streamed in the order of replay."""

from __future__ import annotations

from collections.abc import Iterator

from promotion.actions.outgoing import outgoing, with_schemas
from promotion.domain.json_codec import to_json_value
from promotion.domain.lines import EventLine, event_line, manifest
from promotion.errors import Refused
from promotion.models import Event, Export, Promotion
from promotion.models.event import EventQuerySet
from promotion.policy import VIEW, Actor, require
from promotion.states import PromotionState

#: Events in memory at a time: each may be as large as Kafka lets a record be.
CHUNK = 200
NOT_YET = {PromotionState.DRAFT, PromotionState.EXPORTING, PromotionState.IMPORTING, PromotionState.IMPORT_FAILED}


def download(actor: Actor | None, promotion: Promotion, everything: bool = False) -> Iterator[str]:
    """Yield the lines of the outgoing events, each with its line end; with `everything` the excluded ones too.

    `actor` is None for the command line, which has the database anyway. Reads through a server-side cursor: memory
    does not grow with the number of events. Raises Refused before there is anything to download.
    """
    if actor is not None:
        require(actor, VIEW)
    if promotion.state in NOT_YET:
        raise Refused(f"Promotion {promotion.pk} is not exported yet.", "Export it first.")
    events = promotion.events.filter(quarantine_reason="") if everything else promotion.events.outgoing()
    return _lines(promotion, events)


def file_name(promotion: Promotion) -> str:
    """Return a name made of safe characters only, whatever the title is."""
    source = promotion.source.name if promotion.source is not None else promotion.origin
    return f"promotion-{promotion.pk}-{source}-to-{promotion.target.name}.jsonl"


def _lines(promotion: Promotion, events: EventQuerySet) -> Iterator[str]:
    yield manifest(
        {
            "promotion": promotion.pk,
            "title": promotion.title,
            "source": promotion.source_label,
            "target": promotion.target.name,
            "topic": promotion.source.topic if promotion.source is not None else "",
            "exported_at": _exported_at(promotion),
            "events": events.count(),
        }
    )
    loaded = events.select_related("revision").defer("document").in_order()  # the document is for searching only
    for event in with_schemas(loaded.iterator(chunk_size=CHUNK)):
        yield event_line(_as_line(event), event.timestamp, None if event.key is None else bytes(event.key))


def _exported_at(promotion: Promotion) -> str | None:
    export = Export.objects.filter(promotion=promotion).first()
    return export.finished_at.isoformat(timespec="seconds") if export and export.finished_at else None


def _as_line(event: Event) -> EventLine:
    body = outgoing(event)
    return EventLine(
        partition=event.partition,
        offset=event.offset,
        value=to_json_value(body.schema, body.data),
        type_name=body.schema.full_name,
        version=event.version,
        excluded=event.excluded,
    )
