"""Confluent's wire format: how a record's value names its schema."""

import struct
import uuid

from promotion.domain.record import Headers
from promotion.errors import InvalidInput

PREFIX_BYTES = 5
GUID_HEADER = "__value_schema_id"
_PREFIX = struct.Struct(">bI")
_GUID_MAGIC = 1


class MalformedValue(InvalidInput):
    """A value that is not what its schema or its framing says.

    `reason` is short and holds no content; `path` (`$.field[3]`) and `offset` (bytes from the start of the Avro body)
    say where, as far as that is known.
    """

    def __init__(self, reason: str, hint: str = "", path: str = "", offset: int | None = None) -> None:
        where = f"{path}: " if path else ""
        at = f" (byte {offset})" if offset is not None else ""
        super().__init__(f"{where}{reason}{at}", hint)
        self.reason = reason
        self.path = path
        self.offset = offset


def unframe(value: bytes) -> tuple[int, bytes]:
    """Return a framed value's schema id and its Avro body: magic byte 0, 4 bytes of id, big-endian, then the body."""
    if len(value) < PREFIX_BYTES:
        raise MalformedValue(f"the value has {len(value)} bytes, shorter than the {PREFIX_BYTES}-byte prefix")
    if value[0] != 0:
        raise MalformedValue(f"the value starts with byte 0x{value[0]:02x}, not with magic byte 0{_guess(value[0])}")
    return int.from_bytes(value[1:PREFIX_BYTES]), value[PREFIX_BYTES:]


def frame(schema_id: int, body: bytes) -> bytes:
    """Return `body` framed with a schema id of the registry it goes to."""
    return _PREFIX.pack(0, schema_id) + body


def header_schema_guid(headers: Headers) -> uuid.UUID | None:
    """Return the schema's GUID where a header bears it (magic byte 1, 16 bytes), None where there is no such header.

    With it the value is the bare Avro body. It is read where it is met and never written for Light Portal, whose
    consumers know magic byte 0 only.
    """
    values = [value for name, value in headers if name == GUID_HEADER]
    if not values:
        return None
    if len(values) > 1 or values[0] is None or len(values[0]) != 17 or values[0][0] != _GUID_MAGIC:
        raise MalformedValue(f"the header {GUID_HEADER} is not magic byte 1 and a 16-byte GUID")
    return uuid.UUID(bytes=values[0][1:])


def _guess(first: int) -> str:
    if first in b'{["':
        return ": it looks like JSON (an outbox record?)"
    if first == _GUID_MAGIC:
        return ": it looks like a value framed with a schema GUID, which belongs into a header"
    return ""
