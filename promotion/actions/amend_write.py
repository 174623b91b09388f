"""Write proposed amendments: events of their round, counted as an export counts what it keeps."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max

from promotion.actions import audit
from promotion.actions.amend_target import Found
from promotion.actions.amend_types import Chosen
from promotion.actions.edit import searchable
from promotion.actions.lease import Lease
from promotion.actions.outgoing import Body
from promotion.domain.amend import Proposal
from promotion.domain.decode import read
from promotion.domain.identity import Identity
from promotion.domain.keys import NoKey, Tenancy, outgoing_key
from promotion.domain.octets import visible
from promotion.domain.search_document import search_json
from promotion.domain.wire import frame
from promotion.models import Amendment, Event, ExportCount, ExportPartition, Promotion, PromotionJob
from promotion.states import Disposition

BATCH = 500
MAX_THING = 300


@dataclass(frozen=True, slots=True)
class Draft:
    """One amendment before it has a position; `event` is what it amends, if an event was chosen."""

    identity: Identity
    event: Event | None
    chosen: Chosen
    proposal: Proposal
    found: Found


def write(lease: Lease, amendments: Promotion, drafts: Sequence[Draft], result: dict[str, Any]) -> None:
    """Add `drafts` to the round behind what it has, and `result` to the job. All of it or nothing; raises LeaseLost."""
    tenancy, now = Tenancy(amendments.target.tenancy), time.time_ns() // 1_000_000
    lease.progress(0, len(drafts), "Proposing amendments")
    with lease.writing():
        partition = ExportPartition.objects.select_for_update().get(export=amendments.pk)
        newest = amendments.events.aggregate(n=Max("merge_timestamp"))["n"]
        merged = now if newest is None else max(now, newest + 1)
        events = [
            _event(amendments, draft, partition.end + number, now, merged + number, tenancy)
            for number, draft in enumerate(drafts)
        ]
        Event.objects.bulk_create(events, batch_size=BATCH)
        rows = (_amendment(event, draft) for event, draft in zip(events, drafts, strict=True))
        Amendment.objects.bulk_create(rows, batch_size=BATCH)
        _count(partition, drafts)
        Promotion.objects.changed(amendments.pk, lease.job.requested_by_id)
        said = {"proposed": len(drafts), **result}
        arguments = lease.job.arguments | {"result": said}
        PromotionJob.objects.filter(pk=lease.job.pk).update(arguments=arguments, done=len(drafts))
        audit.record(lease.job.requested_by, "amend", amendments, after={"events": len(drafts)})


def _event(amendments: Promotion, draft: Draft, offset: int, timestamp: int, merged: int, tenancy: Tenancy) -> Event:
    schema, body = draft.chosen.schema, draft.proposal.body
    document, host, user = searchable(Body(schema, body))
    return Event(
        promotion=amendments,
        partition=0,
        offset=offset,
        timestamp=timestamp,
        merge_timestamp=merged,
        key=_key(read(schema, body), tenancy),
        value=frame(0, body),
        event_type=draft.chosen.type,
        schema=draft.chosen.row,
        host=host,
        user=user,
        document=document,
    )


def _key(tree: dict[str, Any], tenancy: Tenancy) -> bytes | None:
    try:
        return outgoing_key(tree, None, tenancy, tenancy)
    except NoKey:
        return None  # the plan says what is missing, once a person has filled in the rest


def _amendment(event: Event, draft: Draft) -> Amendment:
    return Amendment(
        event=event,
        amends=draft.event,
        thing=visible(draft.identity.label)[:MAX_THING],
        found_at=draft.found.at,
        current={
            "values": json.loads(search_json(draft.chosen.schema, draft.found.values())),
            "needs": list(draft.proposal.needs),
            "identity": draft.identity.digest.hex(),
        },
    )


def _count(partition: ExportPartition, drafts: Iterable[Draft]) -> None:
    """What the round has 'read' is what was proposed, all of it kept: the sums stay true."""
    numbers = Counter(draft.chosen.type.full_name for draft in drafts)
    total = numbers.total()
    ExportPartition.objects.filter(pk=partition.pk).update(
        end=F("end") + total, position=F("position") + total, read=F("read") + total
    )
    for name, number in numbers.items():
        ExportCount.objects.get_or_create(partition=partition, disposition=Disposition.KEPT, type_name=name)
        ExportCount.objects.filter(partition=partition, disposition=Disposition.KEPT, type_name=name).update(
            count=F("count") + number
        )
