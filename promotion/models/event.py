"""Exported events, kept as they were read, and the revisions people made of what goes out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.db import connection, models
from django.db.models import Count, F, Q, Value
from django.db.models.functions import Cast, Coalesce, Left
from django.urls import reverse

from promotion.domain.identity import Identity
from promotion.models.event_type import AvroSchema, EventType, KeyFields
from promotion.models.expressions import contained_at, contained_only_at, ref_of, text_at, thing_of
from promotion.models.promotion import Promotion
from promotion.states import RevisionKind


@dataclass(frozen=True)
class EventFilter:
    """What a list of events shows. Empty or None means everything.

    `host` and `user` are exact, `text` stands anywhere in the outgoing event, in any case. `path` and `value`: the
    field at this dotted path equals this value, both as text. `states` are any of edited, rules, excluded,
    quarantined, outgoing: all of them must hold; with rules, the promotion's rules changed them.
    """

    type_name: str = ""
    host: str = ""
    user: str = ""
    text: str = ""
    path: str = ""
    value: str = ""
    states: frozenset[str] = frozenset()
    partition: int | None = None
    offset: int | None = None

    @property
    def by_text(self) -> bool:
        """Whether it asks what the events say, which columns do not tell."""
        return bool(self.text or self.path)


#: Events that one request names by their ids.
MOST_IDS = 10_000
#: The order of replay (issue 3, section 6), unique within a promotion.
IN_ORDER = ("merge_timestamp", "partition", "offset")
STATES: dict[str, Q] = {
    "edited": Q(revision__isnull=False),
    "rules": Q(revision__kind=RevisionKind.RULES),
    "excluded": Q(excluded=True),
    "quarantined": ~Q(quarantine_reason=""),
    "outgoing": Q(excluded=False, quarantine_reason=""),
}


_CHANGE = """
UPDATE promotion_event AS event
SET excluded = change.excluded,
    hand_excluded = CASE WHEN change.excluded = event.excluded THEN event.hand_excluded ELSE change.excluded END,
    version = event.version + 1,
    revision_id = coalesce(change.revision_id, event.revision_id),
    document = coalesce(change.document, event.document),
    host = coalesce(change.host, event.host),
    "user" = coalesce(change."user", event."user")
FROM jsonb_to_recordset(%s::jsonb) AS change
    (id bigint, excluded boolean, revision_id bigint, document jsonb, host text, "user" text)
WHERE event.id = change.id
"""
#: Characters of one statement's parameter.
_MOST = 4 * 1024 * 1024
#: Partitions that are looked at one by one: beyond, an offset alone says little.
MOST_PARTITIONS = 1_000
#: Characters of a host or user that its index holds: a record's are as long as whoever wrote it liked.
INDEXED = 64


def _excludable(excluded: bool) -> Q:
    return Q(quarantine_reason="", excluded=not excluded)


def _parts(texts: Iterable[str]) -> Iterator[str]:
    """Join JSON texts to arrays of about _MOST characters."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text)
        if size >= _MOST:
            yield f"[{','.join(part)}]"
            part, size = [], 0
    if part:
        yield f"[{','.join(part)}]"


def _written(text: str) -> str:
    """Return the text as jsonb writes it: quotes, backslashes and line ends stand escaped."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


class EventQuerySet(models.QuerySet["Event"]):
    """Queries over the events of promotions."""

    def matching(self, wanted: EventFilter, *, walking: bool = False) -> EventQuerySet:
        """Events that `wanted` describes. An offset means 'from there on'.

        The text of documents is looked up in the promotion's search index where there is one; `walking` is the same
        without: quicker where the events to look at are few, or those that fit are many.
        """
        found = self
        for state in wanted.states:
            found = found.filter(STATES[state])
        if wanted.type_name:
            # By its id: of a name in another table PostgreSQL does not know how many events have it.
            ids = EventType.objects.filter(full_name=wanted.type_name).values_list("pk", flat=True)
            found = found.filter(event_type__in=list(ids))
        for column in ("host", "user"):
            if value := getattr(wanted, column):
                found = found._of(column, value)
        if wanted.partition is not None:
            found = found.filter(partition=wanted.partition)
        if wanted.offset is not None:
            found = found.filter(offset__gte=wanted.offset, merge_timestamp__gte=self._time_from(wanted))
        if wanted.text:
            words = text_at([]) if walking else Cast("document", models.TextField())
            found = found.alias(words=words)._saying_anywhere(wanted.text)
        return found._at_path(wanted.path.split("."), wanted.value, walking) if wanted.path else found

    def _time_from(self, wanted: EventFilter) -> int:
        """Return what no event from the offset on, of the partition if there is one, is earlier than.

        `merge_timestamp` never goes back within a partition: whoever walks along the order of replay can begin there.
        """
        found = self.filter(offset__gte=wanted.offset).order_by("offset").values_list("merge_timestamp", flat=True)
        partitions = list(self._partitions()) if wanted.partition is None else [wanted.partition]
        if len(partitions) == MOST_PARTITIONS:  # there may be more, where earlier ones lie
            return -1
        times = [found.filter(partition=each).first() for each in partitions]
        return min((each for each in times if each is not None), default=-1)

    def _partitions(self) -> Iterator[int]:
        """Yield the partitions that have events, at most MOST_PARTITIONS; the index has them one look each."""
        last = -1
        for _ in range(MOST_PARTITIONS):
            above = self.filter(partition__gt=last).order_by("partition").values_list("partition", flat=True).first()
            if above is None:
                return
            yield (last := above)

    def _of(self, column: str, value: str) -> EventQuerySet:
        """Events of one host or user. The index holds its beginning, which is all there is of a short one."""
        begins = {f"{column}_begins": Left(column, INDEXED)}
        found = self.alias(**begins).filter(**{f"{column}_begins": value[:INDEXED]})
        return found if len(value) < INDEXED else found.filter(**{column: value})

    def _saying_anywhere(self, text: str) -> EventQuerySet:
        """Those where `text` stands anywhere in the `words` of the document, in any case."""
        return self.filter(Q(words__icontains=_written(text)))

    def _at_path(self, path: list[str], value: str, walking: bool) -> EventQuerySet:
        """Those whose document holds `value` at `path` (PostgreSQL's #>>: numbers compare by their text).

        It is said too what the whole document contains then, which is what the search index answers, or that alone
        where it says as much: to look into 50,000 documents twice takes a third longer.
        """
        contained = None if walking else contained_at(path, value)
        if contained is not None and contained_only_at(path, value):
            return self.filter(contained)
        found = self.alias(found=text_at(path)).filter(found=value)
        return found if contained is None else found.filter(contained)

    def about_things(self, keys: KeyFields) -> EventQuerySet:
        """Events of these types as far as their key fields have values, with `thing`: [aggregate, value, ...]."""
        ids = [pk for each in keys.values() for pk in each]
        found = self.filter(quarantine_reason="", event_type__in=ids).annotate(thing=thing_of(keys))
        # A missing value is null, a missing host is empty.
        return found.exclude(Q(thing__contains=[None]) | Q(thing__contains=[""]))

    def about(self, keys: KeyFields, things: Iterable[Identity]) -> EventQuerySet:
        """Those of `about_things` that are about one of `things`."""
        return self.about_things(keys).filter(Q(thing__in=[[each.aggregate, *each.values] for each in things]))

    def about_parts(self, keys: KeyFields, whole: Identity) -> EventQuerySet:
        """Those of `about_things` whose key values, whatever the aggregate, begin with those of `whole`."""
        begins: KeyFields = {}
        for (aggregate, paths), ids in keys.items():
            begins.setdefault((aggregate, paths[: len(whole.values)]), []).extend(ids)
        found = self.about_things(keys).alias(begin=thing_of(begins))
        return found.filter(begin__in=[[aggregate, *whole.values] for aggregate, _ in begins])

    def saying(self, text: str) -> EventQuerySet:
        """Those of `about_things` where `text` stands in one of the thing's values, in any case."""
        found = self.alias(words=Cast("thing", models.TextField()))
        return found.filter(Q(words__icontains=_written(text))) if text else self

    def after_thing(self, thing: list[str]) -> EventQuerySet:
        """Those of `about_things` whose thing comes later in the order of `by_thing`."""
        return self.filter(Q(thing__gt=thing))

    def thing_with(self, ref: str) -> list[str] | None:
        """Return the thing of `about_things` that has this `ref`, None where there is none."""
        found = self.alias(ref=ref_of("thing")).filter(Q(ref=ref)).first()
        return None if found is None else getattr(found, "thing", None)

    def by_thing(self) -> models.QuerySet[Any, Any]:
        """One row a thing of `about_things`: `thing`, `ref` for a URL, how many `events`, how many are `included`."""
        rows = cast(Any, self)
        included = Count("pk", filter=Q(excluded=False))
        counted = rows.values("thing").annotate(events=Count("pk"), included=included, ref=ref_of("thing"))
        return cast("models.QuerySet[Any, Any]", counted.order_by("thing"))

    def counts_by_type(self) -> dict[int, int]:
        """Return how many events of each type there are that can be read: type's id -> number."""

        def counted(events: EventQuerySet) -> dict[int, int]:
            known = events.filter(event_type__isnull=False).order_by()
            return dict(known.values_list("event_type").annotate(n=Count("pk")))

        # All and the few that cannot be read: an index has each number, and no event is looked at.
        unread = counted(self.filter(STATES["quarantined"]))
        numbers = {pk: number - unread.get(pk, 0) for pk, number in counted(self).items()}
        return {pk: number for pk, number in numbers.items() if number}

    def readable(self) -> int:
        """Return how many events can be read; an index has the numbers."""
        return self.order_by().count() - self.filter(STATES["quarantined"]).order_by().count()

    def set_excluded(self, excluded: bool) -> int:
        """Write down that a person leaves them out, or takes them in; return how many there are."""
        return self.update(excluded=excluded, hand_excluded=excluded, version=F("version") + 1)

    def excludable(self, excluded: bool = True) -> EventQuerySet:
        """Those that can be excluded, or included again: not in quarantine, and not so already."""
        return self.filter(_excludable(excluded))

    def numbers(self, excluded: bool) -> dict[str, int]:
        """Return how many events there are (`found`), and how many of them are excludable (`count`), in one pass."""
        return self.order_by().aggregate(found=Count("pk"), count=Count("pk", filter=_excludable(excluded)))

    def change(self, changes: Iterable[Mapping[str, Any]]) -> int:
        """Write many events at once, each a version further; return how many. The caller holds their rows.

        A change has `id` and `excluded`, and where the values change `revision_id`, `document`, `host` and `user`.
        """
        changed = 0
        with connection.cursor() as cursor:
            for part in _parts(json.dumps(change, allow_nan=False) for change in changes):
                cursor.execute(_CHANGE, [part])
                changed += cursor.rowcount
        return changed

    def in_order(self) -> EventQuerySet:
        """The order of replay."""
        return self.order_by(*IN_ORDER)

    def outgoing(self) -> EventQuerySet:
        """What would go out: neither quarantined nor excluded."""
        return self.filter(excluded=False, quarantine_reason="")


class Event(models.Model):
    """One record that an export kept or quarantined. `key`, `value`, `headers` are as read and never change.

    `headers` is packed text (promotion.domain.record.pack_headers). `host`, `user` and `document` serve filters and
    search only: they are cleaned copies (U+0000 replaced), the truth is `value`. `merge_timestamp` is the highest
    timestamp so far in its partition. `revision` is the current outgoing version, none means the original;
    `version` counts every change of what goes out, for compare-and-set. `excluded` is what a person said of it
    (`hand_excluded`), else what the promotion's rules say (`rule_excluded`), else False.

    In a promotion without a source cluster `offset` numbers the entries of the file, or the amendments, and `value` is
    framed with the schema id 0.
    """

    # Other indexes begin with the promotion, and few events have a revision.
    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="events", db_index=False)
    partition = models.PositiveIntegerField()
    offset = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    merge_timestamp = models.BigIntegerField()
    key = models.BinaryField(null=True)
    value = models.BinaryField()
    headers = models.TextField(blank=True)
    # Types and schemas are never deleted, which is all that an index by them alone would serve.
    event_type = models.ForeignKey(EventType, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    schema = models.ForeignKey(AvroSchema, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    host = models.TextField(blank=True)
    user = models.TextField(blank=True)
    document = models.JSONField(null=True)
    quarantine_reason = models.TextField(blank=True)
    excluded = models.BooleanField(default=False)
    hand_excluded = models.BooleanField(null=True)
    rule_excluded = models.BooleanField(null=True)
    revision = models.ForeignKey("Revision", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField(default=0)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["promotion", "partition", "offset"], name="event_once"),
            models.CheckConstraint(
                condition=~Q(quarantine_reason="") | Q(event_type__isnull=False, schema__isnull=False),
                name="event_kept_has_type_and_schema",
            ),
            models.CheckConstraint(
                condition=Q(quarantine_reason="") | Q(revision__isnull=True), name="event_quarantined_is_not_edited"
            ),
            models.CheckConstraint(
                condition=Q(excluded=Coalesce(F("hand_excluded"), F("rule_excluded"), Value(False))),
                name="event_excluded_by_somebody",
            ),
        ]
        # Each filter's events in the order of replay: the first page costs the same wherever they stand.
        indexes = [
            models.Index(fields=["promotion", *IN_ORDER], name="event_in_order"),
            models.Index(fields=["promotion", "event_type", *IN_ORDER], name="event_of_type"),
            models.Index(F("promotion"), Left("host", INDEXED), *IN_ORDER, name="event_of_host"),
            models.Index(F("promotion"), Left("user", INDEXED), *IN_ORDER, name="event_of_user"),
            models.Index(fields=["promotion", *IN_ORDER], condition=STATES["outgoing"], name="event_outgoing"),
            models.Index(fields=["promotion", *IN_ORDER], condition=STATES["excluded"], name="event_excluded"),
            models.Index(fields=["promotion", *IN_ORDER], condition=STATES["quarantined"], name="event_quarantined"),
            models.Index(fields=["promotion", *IN_ORDER], condition=STATES["edited"], name="event_edited"),
            models.Index(fields=["revision"], condition=STATES["edited"], name="event_of_revision"),
        ]

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    def get_absolute_url(self) -> str:
        """The page of this event."""
        return reverse("promotion:event", args=[self.promotion_id, self.pk])

    @property
    def edited(self) -> bool:
        """Whether what goes out differs from the original."""
        return self.revision_id is not None

    @property
    def quarantined(self) -> bool:
        """Whether no schema fits it, so that it never goes out."""
        return self.quarantine_reason != ""


class Revision(models.Model):
    """One version of an outgoing event, append-only. `body` is its Avro body in `schema`, without the schema id.

    `parent` is the version before it, none for the original; `body` is None where the version is the original again.
    An undo adds a revision with what the parent held, and the parent's parent: undo again goes one further back.

    `rules` are ids of the promotion's rules: those that made a revision of kind RULES what it is, else those whose
    work is in the body already, so that they are not done to it again.
    """

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=RevisionKind.choices)
    schema = models.ForeignKey(AvroSchema, on_delete=models.PROTECT, related_name="+", db_index=False)
    body = models.BinaryField(null=True)
    rules = models.JSONField(default=list)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["event", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"{self.event_id} r{self.number}"
