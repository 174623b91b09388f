"""A Kafka record and where it stands, as plain values without a client."""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Header = tuple[str, bytes | None]
Headers = tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read: nothing decoded, nothing left out.

    `timestamp` is in milliseconds since the epoch, -1 where the topic has none. `value` is None for a tombstone,
    which is not the same as an empty value. Headers keep their order and may repeat a name.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class OutgoingRecord(NamedTuple):
    """One record as it is to be produced: `partition` is already chosen, `value` is framed for the target."""

    partition: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[Header] = ()


def pack_headers(headers: Headers) -> str:
    """Return `headers` as ASCII text for a database column, empty for none; `unpack_headers` reads it back exactly.

    A header's name may hold U+0000 and a value any bytes, and PostgreSQL's text and jsonb refuse the former: JSON's
    escapes and base64 carry both.
    """
    if not headers:
        return ""
    return json.dumps(
        [[name, None if value is None else b2a_base64(value, newline=False).decode()] for name, value in headers]
    )


def unpack_headers(text: str) -> Headers:
    """Return what `pack_headers` packed."""
    if not text:
        return ()
    return tuple((name, None if value is None else a2b_base64(value)) for name, value in json.loads(text))
