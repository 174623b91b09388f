"""Look at one outgoing event before it is judged: its value, the aggregate it is about, where it first came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Case, F, When

from promotion.actions.lease import Lease
from promotion.actions.outgoing import Body
from promotion.actions.plan_types import PlannedType, TypeTable
from promotion.actions.read_rows import stream_rows
from promotion.actions.target_scan import Wanted
from promotion.domain.decode import read
from promotion.domain.digests import Digests
from promotion.domain.event_id import acting
from promotion.domain.identity import Identity, NoIdentity
from promotion.domain.provenance import Hop, origin_of, outgoing_headers
from promotion.domain.record import Headers, unpack_headers
from promotion.domain.schema import parse
from promotion.domain.wire import GUID_HEADER, MalformedValue, header_schema_guid, unframe
from promotion.models import AvroSchema, Promotion
from promotion.models.event import EventQuerySet

#: Events that are in memory at a time, as they are and as they would go out: some have hundreds of kilobytes.
CHUNK = 500


class Row(NamedTuple):
    """What a plan needs of an outgoing event: columns of its row, and of its revision's where it has one."""

    pk: int
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: str
    event_type_id: int
    schema_id: int
    revision_id: int | None
    revision_schema_id: int | None
    revision_body: bytes | None

    @property
    def at(self) -> str:
        """Where it stood in the source: "partition:offset"."""
        return f"{self.partition}:{self.offset}"


_COLUMNS = (
    "pk", "partition", "offset", "timestamp", "key", "value", "headers", "event_type_id", "schema_id", "revision_id",
    "revision__schema_id", "revision__body",
)  # fmt: skip


@dataclass
class Look:
    """One outgoing event: `body` as it would leave the source's side, `tree` its decoded value.

    `source_headers` are as read, `hop` where it stood, `origin` 16 bytes of where the record first came from;
    `promotion` is the id of the promotion that takes it along.
    """

    type: PlannedType
    body: Body
    schema_id: int
    tree: Mapping[str, Any]
    identity: Identity | None
    source_headers: Headers
    hop: Hop
    origin: bytes
    promotion: str

    @cached_property
    def headers(self) -> Headers:
        """Its headers on the target."""
        # A schema's GUID belongs to the source's registry; the outgoing value bears the target's id.
        own = tuple(item for item in self.source_headers if item[0] != GUID_HEADER)
        return outgoing_headers(own, self.promotion, self.hop)


class Looker:
    """Looks at the outgoing events of one promotion; what all of them share is loaded once."""

    def __init__(self, promotion: Promotion, types: TypeTable) -> None:
        self.rows = {
            row.pk: row for row in AvroSchema.objects.filter(pk__in=_schemas_in_use(promotion.events.outgoing()))
        }
        self._promotion, self._name = promotion, str(promotion.pk)
        self._types = types
        self._from = promotion.source_label, promotion.export.cluster_id, promotion.export.topic

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the outgoing events in their order, some thousand at a time, from a cursor on the server."""
        rows = _in_order(self._promotion.events.outgoing())
        while chunk := list(islice(rows, CHUNK)):
            yield chunk

    def look(self, row: Row) -> Look:
        """Return what there is to see. Raises MalformedValue or NoIdentity, both InvalidInput."""
        headers = unpack_headers(row.headers)
        body, schema_id = self._body(row, headers)
        tree = read(body.schema, body.data)
        kind = self._types.by_id[row.event_type_id]
        identity = kind.identity(tree)
        hop = Hop(*self._from, row.partition, row.offset, sha256(row.value).hexdigest())
        origin = origin_of(headers, hop).digest
        return Look(kind, body, schema_id, tree, identity, headers, hop, origin, self._name)

    def revision_type(self, row: Row) -> str | None:
        """Return the full name of the type that an event's revision is of; None where it has no revision."""
        if row.revision_schema_id is None:
            return None
        if row.revision_schema_id not in self.rows:  # of a version that is the original again
            self.rows[row.revision_schema_id] = AvroSchema.objects.get(pk=row.revision_schema_id)
        return self.rows[row.revision_schema_id].full_name

    def survey(self, lease: Lease, with_users: bool) -> Wanted:
        """Look at all of them once, and return what the plan is about, the things that events refer to included.

        What cannot be looked at is left for later.
        """
        lease.progress(0, phase="Looking through the events")
        aggregates, identities, origins, users = set[str](), Digests(width=8), Digests(width=8), set[str]()
        for look in self._looks(lease):
            origins.add(look.origin)
            _, host, user = acting(look.tree)
            named = self._types.referred(look.type, host, look.tree)
            if look.identity is not None:
                named.append(look.identity)
            for each in named:
                aggregates.add(each.aggregate)
                identities.add(each.digest)
            if with_users and user:
                users.add(user)
        return Wanted(frozenset(aggregates), identities, origins, users)

    def _looks(self, lease: Lease) -> Iterator[Look]:
        for chunk in self.chunks():
            lease.check()
            for row in chunk:
                try:
                    look = self.look(row)
                except (MalformedValue, NoIdentity):
                    continue
                yield look

    def _body(self, row: Row, headers: Headers) -> tuple[Body, int]:
        """What goes out, as `outgoing` says, and the row of its schema."""
        if row.revision_body is not None and row.revision_schema_id is not None:
            return Body(parse(self.rows[row.revision_schema_id].text), row.revision_body), row.revision_schema_id
        # Where the schema's id came in a header, the value is the body alone.
        framed = not headers or header_schema_guid(headers) is None
        data = unframe(row.value)[1] if framed else row.value
        return Body(parse(self.rows[row.schema_id].text), data), row.schema_id


def _schemas_in_use(events: EventQuerySet) -> list[int]:
    """The schemas of what goes out: the revision's where it has a body."""
    written_in = Case(When(revision__body__isnull=False, then=F("revision__schema_id")), default=F("schema_id"))
    rows = events.order_by().annotate(written_in=written_in).values_list("written_in", flat=True)
    return list(rows.distinct())


def _in_order(events: EventQuerySet) -> Iterator[Row]:
    """The events from a cursor on the server: memory stays the same, however many there are."""
    return map(Row._make, stream_rows(events.in_order().values_list(*_COLUMNS), CHUNK))
