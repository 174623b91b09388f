"""The SHA-256 of a plan: over everything that will be produced, in order, and nothing that is not."""

import hashlib

from promotion.domain.record import Headers

_VERSION = b"promotion plan 2\n"
#: Stands for a timestamp that the target's topic replaces by the time of arrival.
NO_TIMESTAMP = -1


def record_digest(
    key: bytes | None, partition: int, timestamp: int, headers: Headers, fingerprint: str, body: bytes
) -> bytes:
    """Return the SHA-256 of one record as it stands on the target: 32 bytes, taken by plan and verification alike.

    The schema counts by its fingerprint (hex SHA-256), `timestamp` in milliseconds, NO_TIMESTAMP where the topic
    replaces it.
    """
    return hashlib.sha256(b"record 1\n" + _packed(key, partition, timestamp, headers, fingerprint, body)).digest()


def _packed(key: bytes | None, partition: int, timestamp: int, headers: Headers, *rest: str | bytes) -> bytes:
    """Return all parts, each with its length, so that no two different records read the same."""
    parts: list[bytes | None] = [key, b"%d,%d,%d" % (partition, timestamp, len(headers))]
    for name, value in headers:
        parts += (name.encode(), value)
    parts += (part.encode() if isinstance(part, str) else part for part in rest)
    return b"".join(b"-;" if part is None else b"%d;%b" % (len(part), part) for part in parts)


class PlanDigest:
    """Takes one outgoing record after the other, then the state of the target.

    The schema counts by its fingerprint, not by its id: ids belong to one registry, and a schema still to be
    registered has none.
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
        self._hash.update(_packed(key, partition, timestamp, headers, subject, fingerprint, body))

    def finish(self, target_state: str) -> str:
        """Take the state of the target that it was made against (JSON, keys sorted); return 64 hexadecimal digits."""
        state = target_state.encode()
        self._hash.update(b"target %d;%b" % (len(state), state))
        return self._hash.hexdigest()
