"""The SHA-256 of a plan: over everything that will be produced, in order, and nothing that is not."""

import hashlib

from promotion.domain.packed_headers import Packed

_VERSION = b"promotion plan 2\n"
#: Stands for a timestamp that the target's topic replaces by the time of arrival.
NO_TIMESTAMP = -1


def record_digest(
    key: bytes | None, partition: int, timestamp: int, headers: Packed, fingerprint: str, body: bytes
) -> bytes:
    """Return the SHA-256 of one record as it stands on the target: 32 bytes, taken by plan and verification alike.

    The schema counts by its fingerprint (hex SHA-256), `timestamp` in milliseconds, NO_TIMESTAMP where the topic
    replaces it.
    """
    schema = fingerprint.encode()
    return hashlib.sha256(
        b"record 1\n%b%b%d;%b%d;%b"
        % (_begun(key, partition, timestamp, headers), headers.data, len(schema), schema, len(body), body)
    ).digest()


def _begun(key: bytes | None, partition: int, timestamp: int, headers: Packed) -> bytes:
    """Return key and place. Every part has its length before it, so that no two different records read the same."""
    place = b"%d,%d,%d" % (partition, timestamp, headers.number)
    return b"-;%d;%b" % (len(place), place) if key is None else b"%d;%b%d;%b" % (len(key), key, len(place), place)


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
        headers: Packed,
        subject: str,
        fingerprint: str,
        body: bytes,
    ) -> None:
        """Take the next record. `timestamp` is in milliseconds, `fingerprint` the schema's (hex SHA-256)."""
        name, schema = subject.encode(), fingerprint.encode()
        self._hash.update(
            b"%b%b%d;%b%d;%b%d;%b"
            % (
                _begun(key, partition, timestamp, headers), headers.data, len(name), name, len(schema), schema,
                len(body), body,
            )
        )  # fmt: skip

    def finish(self, target_state: str) -> str:
        """Take the state of the target that it was made against (JSON, keys sorted); return 64 hexadecimal digits."""
        state = target_state.encode()
        self._hash.update(b"target %d;%b" % (len(state), state))
        return self._hash.hexdigest()
