"""Read the target's topic, bounded and committed, and look at each record for what a plan is about.

Two uses share it: folding the target's state for a plan, and finding what came since that makes a plan stale. A record
that nothing can be done with (another framing, a schema that is gone, a malformed value) is counted, never an error:
the target is other people's as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.actions.plan_types import PlannedType, TypeTable
from promotion.actions.schema_source import Schemas
from promotion.domain.decode import read
from promotion.domain.event_id import acting
from promotion.domain.event_id_body import read_event_id
from promotion.domain.identity import NoIdentity
from promotion.domain.order import HighestSoFar, MergeKey
from promotion.domain.provenance import OriginReader
from promotion.domain.schema import Schema, parse
from promotion.domain.wire import GUID_HEADER, PREFIX_BYTES, MalformedValue, header_schema_guid, unframe
from promotion.errors import InvalidInput, NotFound
from promotion.kafka.reader import Batch, RawRecord, Reader

_Names = tuple[str, ...]
_Values = tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is about: aggregates by name and by identity, origins and users. No users: nonces do not matter.

    `identities` and `origins` may hold more than that; whoever is handed a record looks at its whole digest.
    """

    aggregates: frozenset[str]
    identities: Container[bytes]
    origins: Container[bytes]
    users: Container[str]


NOTHING = Wanted(frozenset(), (), (), ())


@dataclass(slots=True)
class Seen:
    """One record of the target that could be read, with its type and schema. `tree` may hold EventId alone.

    `promoted` is whether a promotion has brought it, `derived` whether a stream processor made it of another one.
    """

    type: PlannedType
    schema: Schema
    body: bytes
    place: MergeKey
    tree: Mapping[str, Any]
    promoted: bool
    derived: bool

    @property
    def at(self) -> str:
        """Where it lies: "partition:offset"."""
        return f"{self.place[1]}:{self.place[2]}"


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """What records of one schema have in common. `wanted`: an aggregate of theirs may be."""

    schema: Schema
    type: PlannedType
    body_at: int
    wanted: bool


@dataclass
class Evidence:
    """By what the records of the topic are keyed, among those whose host and user differ."""

    by_host: int = 0
    by_user: int = 0

    def take(self, key: bytes | None, host: str, user: str) -> None:
        """Look at one fully decoded record; "" where it has no host or no user."""
        if key is None or not host or not user or host == user:
            return
        self.by_host += key == host.encode()
        self.by_user += key == user.encode()


@dataclass
class TargetScan:
    """Reads from `starts` to `ends` and hands what is wanted to the call-backs.

    `on_copy` gets a record whose origin is wanted (16 bytes of it come with it), `on_aggregate` one whose aggregate
    is (with the identity's digest), `on_user` one whose user is (with user and nonce). `unknown_ids` are the schema ids
    that nobody knows a schema for.
    """

    registry: Schemas
    types: TypeTable
    wanted: Wanted
    check: Callable[[], None]
    on_copy: Callable[[Seen, bytes], None]
    on_aggregate: Callable[[Seen, bytes], None]
    on_user: Callable[[Seen, str, int | None], None]
    evidence: Evidence = field(default_factory=Evidence)
    counts: Counter[str] = field(default_factory=Counter)
    unknown_ids: set[int] = field(default_factory=set)

    def run(
        self, reader: Reader, starts: Mapping[int, int], ends: Mapping[int, int], progress: Callable[[Batch], None]
    ) -> None:
        """Read it all, and tell `progress` of each batch. Raises what reader, registry, `check` and that raise."""
        self._order, self._kinds, self._origins = HighestSoFar(), dict[Any, _Kind | None](), OriginReader()
        done = 0
        for batch in reader.read(starts, ends):
            self.check()
            self._take(batch.raw)
            done += len(batch.raw)
            progress(batch)
            self.counts["truncated"] += sum(there - missed for missed, there in batch.truncated.values())
        self.counts["read"] += done

    def _take(self, records: Iterable[RawRecord]) -> None:
        for raw in records:
            kind_of_time, timestamp = raw.timestamp()
            place = self._order.key(raw.partition() or 0, raw.offset() or 0, timestamp if kind_of_time else -1)
            value = raw.value()
            if value is None:
                self.counts["tombstones"] += 1
                continue
            headers = raw.headers()
            names, values = zip(*headers, strict=True) if headers else ((), ())
            try:
                kind = self._kind(value, names, values)
                if kind is None:
                    self.counts["unreadable"] += 1
                else:
                    self._look(raw, value, names, values, kind, place)
            except MalformedValue:
                self.counts["unreadable"] += 1

    def _look(self, raw: RawRecord, value: bytes, names: _Names, values: _Values, kind: _Kind, place: MergeKey) -> None:
        """Decode it as far as it is needed, and hand it on. Nothing is made of a record that nobody asks for."""
        wanted, body, whole = self.wanted, value[kind.body_at :], kind.wanted
        origin = self._origins.digest(names, values) if names else None
        if whole:
            tree: Mapping[str, Any] = read(kind.schema, body)
        else:
            tree = read_event_id(kind.schema, body) if wanted.users else {}
        derived, host, user = acting(tree)
        if whole:
            self.evidence.take(raw.key(), host, user)
        copied = origin is not None and origin in wanted.origins
        identity = _identity(kind.type, tree) if whole else None
        about = identity is not None and identity in wanted.identities
        acted = user != "" and user in wanted.users
        if not (copied or about or acted):
            return
        seen = Seen(kind.type, kind.schema, body, place, tree, origin is not None, derived)
        if copied and origin is not None:
            self.on_copy(seen, origin)
        if about and identity is not None:
            self.on_aggregate(seen, identity)
        if acted:
            nonce = tree["EventId"].get("nonce")
            self.on_user(seen, user, nonce if type(nonce) is int else None)

    def _kind(self, value: bytes, names: _Names, values: _Values) -> _Kind | None:
        guid = header_schema_guid(tuple(zip(names, values, strict=True))) if GUID_HEADER in names else None
        cached: Any = guid if guid is not None else value[:PREFIX_BYTES]
        if cached not in self._kinds:
            self.check()
            self._kinds[cached] = self._ask(value, guid)
        return self._kinds[cached]

    def _ask(self, value: bytes, guid: Any) -> _Kind | None:
        try:
            if guid is not None:
                text, body_at = self.registry.schema_by_guid(guid), 0
            else:
                text, body_at = self.registry.schema_by_id(unframe(value)[0]), PREFIX_BYTES
            schema = parse(text)
        except NotFound:
            if guid is None:
                self.unknown_ids.add(unframe(value)[0])
            return None
        except InvalidInput:
            return None
        if schema.root.kind != "record":
            return None
        named = self.types.named(schema.full_name)
        return _Kind(schema, named, body_at, named.aggregate in self.wanted.aggregates)


def _identity(kind: PlannedType, tree: Mapping[str, Any]) -> bytes | None:
    try:
        found = kind.identity(tree)
    except NoIdentity:
        return None
    return found.digest if found is not None else None
