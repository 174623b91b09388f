"""The wire format of a record's value."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.wire import GUID_HEADER, MalformedValue, frame, header_schema_guid, unframe


@given(st.integers(0, 2**32 - 1), st.binary())
def test_what_was_framed_is_unframed(schema_id: int, body: bytes) -> None:
    assert unframe(frame(schema_id, body)) == (schema_id, body)


def test_the_schema_id_is_big_endian_after_magic_byte_0() -> None:
    assert frame(258, b"x") == b"\0\0\0\1\2x"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "0 bytes, shorter"),
        (b"\0\0\0", "the value has 3 bytes, shorter than the 5-byte prefix"),
        (b'{"id": 1}', "starts with byte 0x7b, not with magic byte 0: it looks like JSON (an outbox record?)"),
        (b'"\\u007b"', "looks like JSON"),
        (b"\1" + b"g" * 16, "schema GUID"),
        (b"\xff" * 6, "starts with byte 0xff, not with magic byte 0"),
    ],
)
def test_a_value_that_is_not_framed_is_named(value: bytes, reason: str) -> None:
    with pytest.raises(MalformedValue) as caught:
        unframe(value)
    assert reason in caught.value.reason


def test_a_schema_guid_is_read_from_its_header() -> None:
    guid = uuid.uuid4()
    assert header_schema_guid((("a", None), (GUID_HEADER, b"\1" + guid.bytes))) == guid
    assert header_schema_guid((("a", b"b"),)) is None


@pytest.mark.parametrize("value", [None, b"", b"\1", b"\0" + b"g" * 16, b"\1" + b"g" * 17])
def test_a_malformed_schema_guid_is_refused(value: bytes | None) -> None:
    with pytest.raises(MalformedValue):
        header_schema_guid(((GUID_HEADER, value),))


def test_two_schema_guids_are_refused() -> None:
    header = (GUID_HEADER, b"\1" + b"g" * 16)
    with pytest.raises(MalformedValue):
        header_schema_guid((header, header))
