"""Which event of the promotion an entry of a file is about: the one at its position, else the one with its EventId."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup, Q
from django.db.models.sql.compiler import SQLCompiler

from promotion.actions.loaded_events import LoadedEvent, SchemaRows, load
from promotion.domain.event_id import FIELD
from promotion.domain.files.cloud_events import identity, own_id
from promotion.domain.files.duplicates import DIGEST_BYTES, Duplicates
from promotion.domain.files.items import FileEvent
from promotion.domain.octets import visible
from promotion.models import EventType, Promotion
from promotion.models.expressions import text_at

_HINT = "Download the file here: then each entry says its position."


@dataclass(frozen=True, slots=True)
class Unknown:
    """No event for an entry, and why."""

    why: str


class Among(Lookup):
    """A column is one of the numbers of a list: one parameter, where `__in` has one for each number."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL and its parameters."""
        column, given = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::bigint[])", (*given, self.rhs)


class Events:
    """The events of a promotion as a file names them. A batch of entries takes a query for each partition in it."""

    def __init__(self, promotion: Promotion) -> None:
        self._promotion = promotion
        self._ids: _EventIds | None = None
        self._schemas = SchemaRows()

    def find(self, entries: Iterable[FileEvent]) -> dict[int, LoadedEvent | Unknown]:
        """Return what each entry is about, by its number."""
        placed: dict[int, dict[int, list[int]]] = {}
        others: dict[int, list[int]] = {}
        found: dict[int, LoadedEvent | Unknown] = {}
        for entry in entries:
            if entry.partition is not None and entry.offset is not None:
                placed.setdefault(entry.partition, {}).setdefault(entry.offset, []).append(entry.number)
                found[entry.number] = Unknown(f"Event {entry.place} is not in this promotion.")
            elif isinstance(at := self._by_id(entry), int):
                others.setdefault(at, []).append(entry.number)
            else:
                found[entry.number] = at
        for partition, offsets in placed.items():
            for event in self._load(Q(partition=partition), Among(F("offset"), list(offsets))):
                found |= dict.fromkeys(offsets[event.offset], _usable(event))
        for event in self._load(Among(F("pk"), list(others))) if others else ():
            found |= dict.fromkeys(others[event.pk], event)
        return found

    def _by_id(self, entry: FileEvent) -> int | Unknown:
        if self._ids is None:
            self._ids = _EventIds(self._promotion)
        return self._ids.find(entry)

    def _load(self, *which: Q | Among) -> Iterator[LoadedEvent]:
        return load(self._promotion.events.filter(*which), self._schemas)


def _usable(event: LoadedEvent) -> LoadedEvent | Unknown:
    return Unknown(f"Event {event} is in quarantine.") if event.outgoing is None else event


class _EventIds:
    """The type, EventId.id and nonce of every event: one pass over the promotion, some 30 bytes each.

    By the document, which is what goes out: an event that rules gave to another user is found by that one.
    """

    def __init__(self, promotion: Promotion) -> None:
        self._pks = array("q")
        self._first = Duplicates()
        self._several: set[int] = set()
        types = dict(EventType.objects.values_list("pk", "full_name"))
        events = promotion.events.filter(quarantine_reason="").order_by("pk")
        texts = events.annotate(said=text_at([FIELD, "id"]), nonce=text_at([FIELD, "nonce"]))
        rows = texts.values_list("pk", "event_type", "said", "nonce")
        for pk, kind, said, nonce in rows.iterator():
            if said is not None and nonce is not None:
                self._add(pk, _digest(types[kind], said, nonce))

    def find(self, entry: FileEvent) -> int | Unknown:
        """Return the id of the one event that has the entry's type, EventId.id and nonce."""
        ids, nonce = _said(entry)
        if entry.type_name is None or not ids or nonce is None:
            return Unknown(f"The entry has no position, and no type, EventId.id and nonce that name an event. {_HINT}")
        what = f"{entry.type_name} {ids[0]}, nonce {nonce}"[:300]
        found = {at for said in ids if (at := self._first.find(_digest(entry.type_name, said, str(nonce)))) is not None}
        if not found:
            return Unknown(f"The entry has no position, and no event here is {visible(what)}.")
        if len(found) > 1 or not found.isdisjoint(self._several):
            return Unknown(f"The entry has no position, and several events here are {visible(what)}. {_HINT}")
        return self._pks[found.pop()]

    def _add(self, pk: int, digest: bytes) -> None:
        number = len(self._pks)
        first = self._first.first(number, digest)
        self._pks.append(pk)
        if first != number:
            self._several.add(first)


def _said(entry: FileEvent) -> tuple[list[str], Any]:
    """What may be the event's EventId.id, and its nonce. Without an EventId the attributes of a CloudEvent say them.

    There `id` is the event's own in the later generation, and the user's in the others.
    """
    said = identity(entry.value)
    if said:
        mine = own_id(entry.value) or said.get("user")
        return [str(mine)] if mine is not None else [], said.get("nonce")
    ids = [entry.attributes.get(name) for name in ("user", "id")]
    return [each for each in ids if isinstance(each, str)], entry.attributes.get("nonce")


def _digest(type_name: str, said: str, nonce: str) -> bytes:
    """Of the short name: a file of CloudEvents has no other, and a full one is compared with the event's later."""
    parts = (type_name.rpartition(".")[2], said, nonce)
    content = "\n".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
