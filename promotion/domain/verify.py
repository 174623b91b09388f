"""Matches what stands on a target with what a plan has sent there: by provenance first, then by digest.

A million steps of a million keys take 110 MB: arrays, no objects. Whoever can write to the target can write our headers
too, so provenance only says which step a record claims to be; the digest says whether it is that one, byte by byte.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from promotion.domain.digest import NO_TIMESTAMP, record_digest
from promotion.domain.packed_headers import packed
from promotion.domain.provenance import PROMOTION, Provenance, claimed_source, read_provenance
from promotion.domain.record import Header, Headers, Record

DIGEST_BYTES = 32
#: Of each kind so many are named; all of them are counted.
MOST_FAULTS = 20
_INTACT, _ALTERED = 1, 2


class Kind(StrEnum):
    """What can be wrong with an event on the target."""

    MISSING = "missing"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    ALTERED = "altered"
    #: Below what retention has left: nobody can tell any more.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `source` and `target` are (partition, offset); no target where it is nowhere."""

    kind: Kind
    ordinal: int
    source: tuple[int, int]
    target: tuple[int, int] | None
    what: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A record as the digest sees it: planned and found ones are compared part by part."""

    key: bytes | None
    partition: int
    timestamp: int
    headers: Headers
    schema: str
    body: bytes

    @classmethod
    def of(cls, record: Record, append_time: bool, fingerprint: str, body: bytes) -> Shape:
        """Return the shape of a record that was read; `append_time`: the topic has put its own timestamp on it."""
        timestamp = NO_TIMESTAMP if append_time else record.timestamp
        return cls(record.key, record.partition, timestamp, record.headers, fingerprint, body)

    def digest(self) -> bytes:
        """Return its 32 bytes, the same that the plan has taken."""
        return record_digest(self.key, self.partition, self.timestamp, packed(self.headers), self.schema, self.body)

    def differences(self, other: Shape) -> list[str]:
        """Return the names of the parts in which the two differ, in the order of the fields."""
        return [part.name for part in fields(self) if getattr(self, part.name) != getattr(other, part.name)]


def _nothing(ordinal: int, shape: Shape) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Window:
    """What was read, by partition: `lows` is the first offset that was still there."""

    starts: dict[int, int]
    ends: dict[int, int]
    lows: dict[int, int]

    @property
    def overtaken(self) -> list[int]:
        """The partitions in which retention has deleted something of it."""
        return [partition for partition, start in self.starts.items() if self.lows[partition] > start]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a matcher has found so far: a byte of `seen` for each step, the rest as in Matcher."""

    seen: bytes
    counts: dict[Kind, int]
    faults: list[Fault]
    found_at: dict[int, int]
    foreign: int


class Matcher:
    """Takes the steps of a plan in their order, then the records of the target, each partition in its order.

    `counts` has a number for each kind of fault, `faults` the first of each kind; `found` are the steps that stand
    there as planned, `found_at` the same by the target's partition; `foreign` are records that claim none of them.
    Missing and expired ones are only known at the end: see `absent` and `fault`.
    """

    def __init__(self, promotion_id: str, cluster_id: str, topic: str) -> None:
        """`cluster_id` and `topic` are the source's: another installation's promotion may have the same number."""
        self._promotion = promotion_id
        self._header = promotion_id.encode()
        self._source = cluster_id, topic
        self._offsets: dict[int, array[int]] = {}
        self._ordinals: dict[int, array[int]] = {}
        self._digests = bytearray()
        self._seen = bytearray()
        self._at = array("q")  # where each step stands, made when the first was found
        self._highest: dict[int, int] = {}
        self.counts: Counter[Kind] = Counter()
        self.faults: list[Fault] = []
        self.found = 0
        self.found_at: Counter[int] = Counter()
        self.foreign = 0

    def __len__(self) -> int:
        """How many steps were expected."""
        return len(self._seen)

    def expect(self, partition: int, offset: int, digest: bytes) -> None:
        """Take the next step: its source position and its record's digest. ValueError where the order is not kept."""
        if partition not in self._offsets:
            self._offsets[partition], self._ordinals[partition] = array("q"), array("i")
        offsets = self._offsets[partition]
        if len(digest) != DIGEST_BYTES or (offsets and offset <= offsets[-1]):
            raise ValueError(f"Step {len(self)} has no digest, or does not follow the one before it in its partition.")
        offsets.append(offset)
        self._ordinals[partition].append(len(self._seen))
        self._digests += digest
        self._seen.append(0)

    def claims(self, headers: Sequence[Header]) -> bool:
        """Return whether the headers may be those of a step: cheap, for topics where most records are foreign."""
        return (PROMOTION, self._header) in headers

    def step_of(self, headers: Sequence[Header]) -> int | None:
        """Return the ordinal of the step that a record with these headers may be, for `recognise`; None where none."""
        where = claimed_source(headers, self._header)
        return None if where is None else self._at_source(*where)

    def recognise(self, ordinal: int, digest: bytes, partition: int, offset: int, key: bytes | None) -> bool:
        """Take a record where its `digest` is that of the step `ordinal`; return whether it was, else nothing is done.

        What `take` would have found in its headers needs no look then: the digest is of them too, so that they are to
        the last byte those that the plan wrote for this step.
        """
        if digest != self._digest(ordinal):
            return False
        self._intact(ordinal, partition, offset, key)
        return True

    def take(
        self, record: Record, shape: Callable[[Record], Shape], explain: Callable[[int, Shape], str] = _nothing
    ) -> None:
        """Take a record. `shape` is asked where it claims to be a step, `explain` where an altered one is named."""
        said = read_provenance(record.headers)
        ordinal = self._ordinal(said) if said is not None else None
        if ordinal is None:
            self.foreign += 1
            return
        found = shape(record)
        if self.recognise(ordinal, found.digest(), record.partition, record.offset, record.key):
            return
        self._seen[ordinal] |= _ALTERED
        named = self.counts[Kind.ALTERED] < MOST_FAULTS
        what = explain(ordinal, found) if named else ""
        self.fault(Kind.ALTERED, ordinal, (record.partition, record.offset), what)

    def fault(self, kind: Kind, ordinal: int, target: tuple[int, int] | None, what: str = "") -> None:
        """Count a fault, and keep it if it is one of the first of its kind."""
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_FAULTS:
            self.faults.append(Fault(kind, ordinal, self.source_of(ordinal), target, what))

    def again(self) -> Matcher:
        """Return a matcher that expects the same steps and has seen nothing. Both must expect no more of them."""
        other = Matcher(self._promotion, *self._source)
        other._offsets, other._ordinals, other._digests = self._offsets, self._ordinals, self._digests
        other._seen = bytearray(len(self))
        return other

    @property
    def findings(self) -> Findings:
        """What it has found so far."""
        return Findings(bytes(self._seen), dict(self.counts), list(self.faults), dict(self.found_at), self.foreign)

    def add(self, other: Findings) -> None:
        """Take what a matcher of the same steps has found in other partitions of the target. ValueError for others.

        What is intact, twice or out of order is so within one partition, since the digest covers it; an altered record
        may claim a step of any. Where that one stood is not known here: nothing more can be read of these partitions.
        """
        if len(other.seen) != len(self):
            raise ValueError(f"Found of {len(other.seen)} steps, and {len(self)} are expected.")
        both = int.from_bytes(self._seen) | int.from_bytes(other.seen)
        self._seen = bytearray(both.to_bytes(len(self)))
        self.counts.update(other.counts)
        named = Counter(fault.kind for fault in self.faults)
        for fault in other.faults:
            named[fault.kind] += 1
            if named[fault.kind] <= MOST_FAULTS:
                self.faults.append(fault)
        self.found += sum(other.found_at.values())
        self.found_at.update(other.found_at)
        self.foreign += other.foreign

    def absent(self) -> Iterator[int]:
        """Yield the ordinals of which nothing was found, not even altered."""
        ordinal = self._seen.find(0)
        while ordinal >= 0:
            yield ordinal
            ordinal = self._seen.find(0, ordinal + 1)

    @property
    def arrived_prefix(self) -> int:
        """The first ordinal of which nothing was found: everything below has arrived."""
        first = self._seen.find(0)
        return len(self) if first < 0 else first

    @property
    def arrived_beyond(self) -> int:
        """How many steps were found above that ordinal."""
        return len(self) - self._seen.count(0) - self.arrived_prefix

    def source_of(self, ordinal: int) -> tuple[int, int]:
        """Return the source position of a step."""
        for partition, ordinals in self._ordinals.items():
            index = bisect_left(ordinals, ordinal)
            if index < len(ordinals) and ordinals[index] == ordinal:
                return partition, self._offsets[partition][index]
        raise IndexError(ordinal)

    def _ordinal(self, said: Provenance) -> int | None:
        if said.promotion_id != self._promotion or (said.source.cluster_id, said.source.topic) != self._source:
            return None
        return self._at_source(said.source.partition, said.source.offset)

    def _at_source(self, partition: int, offset: int) -> int | None:
        offsets = self._offsets.get(partition)
        if offsets is None:
            return None
        index = bisect_left(offsets, offset)
        if index == len(offsets) or offsets[index] != offset:
            return None
        return self._ordinals[partition][index]

    def _digest(self, ordinal: int) -> bytearray:
        return self._digests[ordinal * DIGEST_BYTES : (ordinal + 1) * DIGEST_BYTES]

    def _intact(self, ordinal: int, partition: int, offset: int, key: bytes | None) -> None:
        if self._seen[ordinal] & _INTACT:
            # The digest covers the partition: a second one that is intact lies in the same.
            what = f"It stands at {partition}:{self._at[ordinal]} already."
            self.fault(Kind.DUPLICATED, ordinal, (partition, offset), what)
            return
        if not self._at:
            self._at = array("q", [-1]) * len(self)
        self._seen[ordinal] |= _INTACT
        self._at[ordinal] = offset
        self.found += 1
        self.found_at[partition] += 1
        # Python's own hash of bytes is keyed anew in each process: 64 bits that nobody can aim at.
        place = hash((partition, key))
        highest = self._highest.get(place, -1)
        if ordinal < highest:
            what = f"Event {highest + 1} of the same key stands before it, at {partition}:{self._at[highest]}."
            self.fault(Kind.REORDERED, ordinal, (partition, offset), what)
        else:
            self._highest[place] = ordinal
