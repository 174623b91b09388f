"""The SHA-256 of a plan: over everything that will be produced, in order, and nothing that is not."""

import hashlib

from promotion.domain.record import Headers

_VERSION = b"promotion plan 1\n"


class PlanDigest:
    """Takes one outgoing record after the other.

    Every part is written with its length, so that no two different plans read the same. The schema counts by its
    fingerprint, not by its id: ids belong to one registry, and a schema still to be registered has none.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256(_VERSION)

    def add(
        self,
        key: bytes,
        partition: int,
        timestamp: int,
        headers: Headers,
        subject: str,
        fingerprint: str,
        body: bytes,
    ) -> None:
        """Take the next record. `timestamp` is in milliseconds, `fingerprint` the schema's (hex SHA-256)."""
        parts: list[bytes | None] = [key, b"%d,%d,%d" % (partition, timestamp, len(headers))]
        for name, value in headers:
            parts += (name.encode(), value)
        parts += (subject.encode(), fingerprint.encode(), body)
        self._hash.update(b"".join(b"-;" if part is None else b"%d;%b" % (len(part), part) for part in parts))

    def hexdigest(self) -> str:
        """Return the digest of what was added so far: 64 hexadecimal digits."""
        return self._hash.hexdigest()
