"""A topic over time, asked of the brokers alone: where it begins and ends, and where it stood at points in time.

No record is read: brokers keep an index from times to offsets, and the first and the last time come out of it too.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from promotion.domain.connection import KafkaConnection
from promotion.domain.timeline import boundaries
from promotion.errors import Unreachable
from promotion.kafka.cluster import Watermarks
from promotion.kafka.handles import Session
from promotion.kafka.metadata import EARLIEST, LATEST, at_time, find_topic, list_offsets, list_times
from promotion.kafka.settings import topic_name

Offsets = Mapping[int, int]
# Of the client's own, which has no types.
NEWEST = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
#: Times before 2000 or behind tomorrow are mistakes of whoever wrote them: they would make one bar of all the rest.
_FIRST_MS = 946_684_800_000
_AHEAD_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class TopicOverTime:
    """A topic as it stands. `first` and `last` are times of records in milliseconds, None where none has one.

    `marks` are times in order, each with the first offset at or after it by partition; the last one closes the last
    bar. Two neighbours tell how many offsets lie between them, markers of transactions among them.
    """

    cluster_id: str
    topic: str
    watermarks: tuple[Watermarks, ...]
    first: int | None = None
    last: int | None = None
    marks: tuple[tuple[int, Offsets], ...] = ()


def watermarks(connection: KafkaConnection, topic: str, timeout: float = 5.0) -> TopicOverTime:
    """Return where the topic begins and ends, without times; each request may take `timeout` seconds.

    Raises InvalidInput, TopicMissing, Unreachable, TlsFailed, AuthenticationFailed or NotAuthorized.
    """
    return _Look(connection, topic, timeout).ends()


def over_time(connection: KafkaConnection, topic: str, timeout: float = 5.0, seconds: float = 30.0) -> TopicOverTime:
    """Return the topic with its bars; everything together takes about `seconds` at most. Raises as `watermarks`."""
    look = _Look(connection, topic, timeout)
    found = look.ends()
    if all(each.low == each.high for each in found.watermarks):
        return found
    return look.marked(found, time.monotonic() + seconds)


class _Look:
    """One look at one topic."""

    def __init__(self, connection: KafkaConnection, topic: str, timeout: float) -> None:
        self._topic = topic_name(topic)
        self._timeout = timeout
        self._session = Session(connection)
        self._admin: AdminClient = self._session.admin()
        self._cluster, self._partitions = find_topic(self._session, self._admin, topic, timeout)

    def ends(self) -> TopicOverTime:
        """Where the partitions begin and end now."""
        low, high = self._offsets(EARLIEST), self._offsets(LATEST)
        marks = tuple(Watermarks(p, low[p], max(low[p], high[p])) for p in self._partitions)
        return TopicOverTime(self._cluster, self._topic, marks)

    def marked(self, ends: TopicOverTime, deadline: float) -> TopicOverTime:
        """`ends` with its first and last time, and where it stood between."""
        found, newest = self._times(at_time(_FIRST_MS)), self._times(NEWEST)
        if not found or not newest:
            return ends
        tomorrow = round(time.time() * 1000) + _AHEAD_MS
        first = min(*found, tomorrow)
        last = min(max(first, *newest), tomorrow)
        begin, *between, end = boundaries(first, last)
        lows = {each.partition: each.low for each in ends.watermarks}
        highs = {each.partition: each.high for each in ends.watermarks}
        marks = [(moment, self._at(moment, highs, deadline)) for moment in between]
        return replace(ends, first=first, last=last, marks=((begin, lows), *marks, (end, highs)))

    def _at(self, moment: int, highs: Offsets, deadline: float) -> Offsets:
        if time.monotonic() > deadline:
            raise Unreachable(
                f"Topic {self._topic} could not be surveyed in time: its brokers answer slowly.",
                "It is tried again by itself.",
            )
        found = self._offsets(at_time(moment))
        # What came after the ends were asked for is the next look's.
        return {p: highs[p] if found[p] < 0 else min(found[p], highs[p]) for p in highs}

    def _times(self, spec: OffsetSpec) -> Iterable[int]:
        return list_times(self._session, self._admin, self._topic, self._partitions, spec, self._timeout).values()

    def _offsets(self, spec: OffsetSpec) -> dict[int, int]:
        return list_offsets(self._session, self._admin, self._topic, self._partitions, spec, self._timeout)
