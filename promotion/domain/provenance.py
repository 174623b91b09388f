"""Our own headers: which promotion brought a record, from where, and where it first came from.

They are written by us and by anybody else who can write to the topic: what is read from them is checked, bounded and
a claim, not a proof.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promotion.domain.identity import digest_of
from promotion.domain.record import Header, Headers

PROMOTION = "promotion.id"
SOURCE = "promotion.source."
ORIGIN = "promotion.origin."
_PARTS = ("environment", "cluster", "topic", "partition", "offset", "sha256")
_OURS = (PROMOTION, SOURCE, ORIGIN)
_SOURCE, _ORIGIN = (tuple(prefix + part for part in _PARTS) for prefix in (SOURCE, ORIGIN))
#: How many headers `outgoing_headers` adds, and where among them, from the end, the source's place is.
_OWN = 1 + 2 * len(_PARTS)
_PARTITION, _OFFSET = (_PARTS.index(part) - 2 * len(_PARTS) for part in ("partition", "offset"))
_PLACE = SOURCE + "partition", SOURCE + "offset"
_MAX_BYTES = 255
_MAX_PARTITION = 2**31 - 1
_MAX_OFFSET = 2**63 - 1
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a record stood: `value_sha256` is the hex SHA-256 of its whole value there, framing included."""

    environment: str
    cluster_id: str
    topic: str
    partition: int
    offset: int
    value_sha256: str

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for cluster, topic, position and value; what the environment is called does not count."""
        return digest_of(self.cluster_id, self.topic, str(self.partition), str(self.offset), self.value_sha256)


@dataclass(frozen=True, slots=True)
class Provenance:
    """The promotion that wrote a record, the record it was made from (`source`), and the first one (`origin`)."""

    promotion_id: str
    source: Hop
    origin: Hop


def outgoing_headers(source_headers: Headers, promotion_id: str, source: Hop) -> Headers:
    """Return a record's headers for its target: the source's own in their order, then ours.

    The last hop becomes `source`. The origin stays where the source record bears a complete one, else it is `source`.
    """
    origin = origin_of(source_headers, source)
    return (
        *(item for item in source_headers if not _is_ours(item[0])),
        (PROMOTION, promotion_id.encode()),
        *hop_headers(SOURCE, source),
        *hop_headers(ORIGIN, origin),
    )


def origin_of(source_headers: Headers, source: Hop) -> Hop:
    """Return where a record first came from: what its headers say where that is complete, else where it is read."""
    return _hop(_ours(source_headers), _ORIGIN) or source


def read_provenance(headers: Headers) -> Provenance | None:
    """Return what the headers say; None where ours are missing, incomplete, repeated or malformed."""
    ours = _ours(headers)
    if PROMOTION not in ours:
        return None
    promotion_id = _text(ours[PROMOTION])
    source, origin = _hop(ours, _SOURCE), _hop(ours, _ORIGIN)
    if promotion_id is None or source is None or origin is None:
        return None
    return Provenance(promotion_id, source, origin)


def claimed_source(headers: Sequence[Header], promotion_id: bytes) -> tuple[int, int] | None:
    """Return the partition and offset that headers name as their source where they end as `outgoing_headers` ends them.

    A guess for a quick look: nothing else is checked. None where they do not end so, or name another promotion.
    """
    if len(headers) < _OWN or headers[-_OWN] != (PROMOTION, promotion_id):
        return None
    (one, partition), (other, offset) = headers[_PARTITION], headers[_OFFSET]
    if (one, other) != _PLACE or partition is None or offset is None:
        return None
    try:
        return int(partition), int(offset)
    except ValueError:
        return None


def _is_ours(name: str) -> bool:
    return name == PROMOTION or name.startswith((SOURCE, ORIGIN))


def hop_headers(prefix: str, hop: Hop) -> Iterator[tuple[str, bytes]]:
    """Yield the headers that say `hop`; `prefix` is SOURCE or ORIGIN."""
    values = (hop.environment, hop.cluster_id, hop.topic, str(hop.partition), str(hop.offset), hop.value_sha256)
    for part, value in zip(_PARTS, values, strict=True):
        yield prefix + part, value.encode()


def _ours(headers: Headers) -> dict[str, bytes | None]:
    """Our headers by name, None for what is repeated; in one pass, since a target is full of records with thirteen."""
    found: dict[str, bytes | None] = {}
    for name, value in headers:
        if name.startswith(_OURS):
            found[name] = None if name in found else value
    return found


def _hop(ours: Mapping[str, bytes | None], names: tuple[str, ...]) -> Hop | None:
    environment, cluster, topic, partition, offset, sha256 = (_text(ours.get(name)) for name in names)
    if environment is None or cluster is None or topic is None or sha256 is None or not _SHA256.fullmatch(sha256):
        return None
    partition_number, offset_number = _number(partition, _MAX_PARTITION), _number(offset, _MAX_OFFSET)
    if partition_number is None or offset_number is None:
        return None
    return Hop(environment, cluster, topic, partition_number, offset_number, sha256)


def _text(value: bytes | None) -> str | None:
    """A header as short, printable text; None for none and for anything else."""
    if not value or len(value) > _MAX_BYTES:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _number(text: str | None, most: int) -> int | None:
    if text is None or not _NUMBER.fullmatch(text):
        return None
    number = int(text)
    return number if number <= most else None
