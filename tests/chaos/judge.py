"""The judge: compares what an ordinary consumer finds on the target with what was to arrive. Knows no console."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

Headers = tuple[tuple[str, bytes | None], ...]
PREFIX_BYTES = 5


@dataclass(frozen=True)
class Wanted:
    """A record as it has to arrive. `identity` tells it from all others, `value` is without the schema's id."""

    identity: object
    key: bytes | None
    value: bytes
    headers: Headers
    timestamp: int
    partition: int


@dataclass(frozen=True)
class Verdict:
    """How many records of how many are not as they should be. All but `events` are 0 where nothing went wrong."""

    events: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    altered: int = 0

    @property
    def faults(self) -> dict[str, int]:
        return {name: number for name, number in asdict(self).items() if name != "events" and number}


def judge(wanted: Sequence[Wanted], arrived: Iterable[Wanted]) -> Verdict:
    """Compare `wanted`, in its order, with `arrived`, in the order of the target's partitions.

    Lost: never arrived. Duplicated: every arrival of a record after its first. Reordered: arrived after a record of
    the same key that should have come later. Altered: anything about it is not as wanted; also what nobody wanted.
    """
    places = {record.identity: place for place, record in enumerate(wanted)}
    seen: set[int] = set()
    latest: dict[bytes | None, int] = defaultdict(lambda: -1)
    duplicated = reordered = altered = 0
    for record in arrived:
        place = places.get(record.identity)
        if place is None:
            altered += 1
            continue
        altered += record != wanted[place]
        if place in seen:
            duplicated += 1
            continue
        seen.add(place)
        reordered += place < latest[record.key]
        latest[record.key] = max(place, latest[record.key])
    return Verdict(len(wanted), len(wanted) - len(seen), duplicated, reordered, altered)


def headers_of_a_promotion(source_headers: Headers, promotion: str, environment: str, cluster: str, record) -> Headers:
    """What docs promise: the source's own headers in their order, then ours, the last hop and the origin alike.

    Written out here once more, so that a mistake in the console's own code is seen.
    """
    where = {
        "environment": environment, "cluster": cluster, "topic": record.topic, "partition": str(record.partition),
        "offset": str(record.offset), "sha256": sha256(record.value).hexdigest(),
    }  # fmt: skip
    hops = [
        (f"promotion.{hop}.{name}", value.encode()) for hop in ("source", "origin") for name, value in where.items()
    ]
    return (*source_headers, ("promotion.id", promotion.encode()), *hops)
