"""Look at one outgoing event before it is judged: its value, the aggregate it is about, where it first came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

from django.db.models import Case, F, When

from promotion.actions.lease import Lease
from promotion.actions.outgoing import Body, outgoing
from promotion.actions.plan_types import PlannedType, TypeTable
from promotion.actions.target_scan import Wanted
from promotion.domain.decode import read
from promotion.domain.event_id import user_of
from promotion.domain.identity import Identity, NoIdentity
from promotion.domain.provenance import Hop, origin_of, outgoing_headers
from promotion.domain.record import Headers, unpack_headers
from promotion.domain.wire import GUID_HEADER, MalformedValue
from promotion.models import AvroSchema, Event, Promotion
from promotion.models.event import EventQuerySet

CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Look:
    """One outgoing event: `body` as it would leave the source's side, `tree` its decoded value."""

    type: PlannedType
    body: Body
    schema_id: int
    tree: Mapping[str, Any]
    identity: Identity | None
    hop: Hop
    origin: Hop
    headers: Headers


class Looker:
    """Looks at the outgoing events of one promotion; what all of them share is loaded once."""

    def __init__(self, promotion: Promotion, types: TypeTable) -> None:
        self.rows = {
            row.pk: row for row in AvroSchema.objects.filter(pk__in=_schemas_in_use(promotion.events.outgoing()))
        }
        self._promotion = promotion
        self._types = types
        self._from = promotion.source_label, promotion.export.cluster_id, promotion.export.topic

    def chunks(self) -> Iterator[list[Event]]:
        """Yield the outgoing events in their order, some thousand at a time, from a cursor on the server."""
        events = _in_order(self._promotion.events.outgoing())
        while chunk := list(islice(events, CHUNK)):
            yield chunk

    def look(self, event: Event) -> Look:
        """Return what there is to see. Raises MalformedValue or NoIdentity, both InvalidInput."""
        # The rows are here already: `outgoing` would otherwise ask the database for each schema.
        event.schema = self.rows.get(event.schema_id or 0)
        revision, schema_id = event.revision, event.schema_id or 0
        if revision is not None and revision.body is not None:
            revision.schema = self.rows[revision.schema_id]
            schema_id = revision.schema_id
        body = outgoing(event)
        tree = read(body.schema, body.data)
        kind = self._types.by_id[event.event_type_id or 0]
        hop, source_headers = self._hop(event), unpack_headers(event.headers)
        return Look(
            kind, body, schema_id, tree, kind.identity(tree), hop, origin_of(source_headers, hop),
            # A schema's GUID belongs to the source's registry; the outgoing value bears the target's id.
            outgoing_headers(
                tuple(item for item in source_headers if item[0] != GUID_HEADER), str(self._promotion.pk), hop
            ),
        )  # fmt: skip

    def survey(self, lease: Lease, with_users: bool) -> Wanted:
        """Look at all of them once, and return what the plan is about, the things that events refer to included.

        What cannot be looked at is left for later.
        """
        aggregates, identities, origins, users = set[str](), set[bytes](), set[bytes](), set[str]()
        for look in self._looks(lease):
            origins.add(look.origin.digest)
            named = [*self._types.referred(look.type, look.tree), *filter(None, [look.identity])]
            aggregates.update(each.aggregate for each in named)
            identities.update(each.digest for each in named)
            if with_users and (user := user_of(look.tree)) is not None:
                users.add(user)
        return Wanted(frozenset(aggregates), identities, origins, users)

    def _looks(self, lease: Lease) -> Iterator[Look]:
        for chunk in self.chunks():
            lease.check()
            yield from self._looks_at(chunk)

    def _looks_at(self, events: Iterable[Event]) -> Iterator[Look]:
        for event in events:
            try:
                yield self.look(event)
            except (MalformedValue, NoIdentity):
                continue

    def _hop(self, event: Event) -> Hop:
        return Hop(*self._from, event.partition, event.offset, sha256(bytes(event.value)).hexdigest())


def _schemas_in_use(events: EventQuerySet) -> list[int]:
    """The schemas of what goes out: the revision's where it has a body."""
    written_in = Case(When(revision__body__isnull=False, then=F("revision__schema_id")), default=F("schema_id"))
    rows = events.order_by().annotate(written_in=written_in).values_list("written_in", flat=True)
    return list(rows.distinct())


def _in_order(events: EventQuerySet) -> Iterator[Event]:
    """The events from a cursor on the server: memory stays the same, however many there are."""
    fields = ("partition", "offset", "timestamp", "key", "value", "headers", "event_type_id", "schema_id")
    revision = ("revision__schema_id", "revision__body")
    rows = events.in_order().select_related("revision").only("promotion_id", *fields, *revision)
    return rows.iterator(chunk_size=CHUNK)
