"""Headers as one segment: they come back exactly, and the digests are those that were always taken."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.digest import PlanDigest, record_digest
from promotion.domain.packed_headers import LARGEST_KEPT, MOST_ALIKE, MOST_KEPT, HeaderPacker, HeaderUnpacker, packed
from promotion.domain.provenance import Hop, outgoing_headers
from promotion.domain.record import Headers, pack_headers
from promotion.domain.target_limits import headers_bytes
from tests.domain.strategies import headers

ODD: Headers = (("", b""), ("%b%%", b"%d;"), ("12;a", b"3;x-;"), ('a\0ä\\"', None), ('a\0ä\\"', b""))


def as_ever(key: bytes | None, partition: int, timestamp: int, headers: Headers, *rest: str | bytes) -> bytes:
    """What digests were taken of before headers were packed on their own. Plans that were approved have them."""
    parts: list[bytes | None] = [key, b"%d,%d,%d" % (partition, timestamp, len(headers))]
    for name, value in headers:
        parts += (name.encode(), value)
    parts += (part.encode() if isinstance(part, str) else part for part in rest)
    return b"".join(b"-;" if part is None else b"%d;%b" % (len(part), part) for part in parts)


def of_a_plan(own: Headers, offset: int, value: bytes) -> Headers:
    return outgoing_headers(
        own, "7", Hop("dev", "cluster", "topic", offset % 3, offset, hashlib.sha256(value).hexdigest())
    )


MANY = st.lists(
    st.one_of(headers(), st.just(ODD), st.builds(of_a_plan, headers(), st.integers(0, 10**7), st.binary(max_size=3))),
    max_size=8,
)


@given(MANY)
def test_every_header_comes_back_from_a_segment_also_where_its_like_was_met_before(many: list[Headers]) -> None:
    packer, unpacker = HeaderPacker(), HeaderUnpacker()
    for each in many * 3:
        made = packer.pack(each)
        assert made == packed(each)
        assert (made.number, made.octets) == (len(each), headers_bytes(each))
        assert tuple(unpacker.unpack(made.data)) == each


@given(MANY)
def test_what_older_versions_stored_is_read_beside_it(many: list[Headers]) -> None:
    unpacker = HeaderUnpacker()
    for each in many * 3:
        assert tuple(unpacker.unpack(pack_headers(each).encode())) == each
        assert tuple(unpacker.unpack(packed(each).data)) == each


def test_what_one_reader_changes_in_its_headers_changes_nobody_elses() -> None:
    unpacker, segment = HeaderUnpacker(), packed(ODD).data
    for _ in range(3):
        found = unpacker.unpack(segment)
        assert tuple(found) == ODD
        found.clear()


@given(st.none() | st.binary(), st.integers(0, 2**31), st.integers(-1, 2**63), MANY, st.text(), st.text(), st.binary())
def test_digests_are_those_that_plans_of_older_versions_have(
    key: bytes | None, partition: int, timestamp: int, many: list[Headers], subject: str, fingerprint: str, body: bytes
) -> None:
    packer, plan, before = HeaderPacker(), PlanDigest(), hashlib.sha256(b"promotion plan 2\n")
    for each in many * 2:
        segment = packer.pack(each)
        one = b"record 1\n" + as_ever(key, partition, timestamp, each, fingerprint, body)
        assert record_digest(key, partition, timestamp, segment, fingerprint, body) == hashlib.sha256(one).digest()
        plan.add(key or b"", partition, timestamp, segment, subject, fingerprint, body)
        before.update(as_ever(key or b"", partition, timestamp, each, subject, fingerprint, body))
    before.update(b"target 2;{}")
    assert plan.finish("{}") == before.hexdigest()


def test_a_digest_of_today_is_the_one_of_the_first_plans() -> None:
    segment = packed((("a", b"b"), ("c", None)))
    assert segment.data == b"1;a1;b1;c-;"
    digest = record_digest(b"host", 1, 5, segment, "f", b"body")
    assert digest.hex() == hashlib.sha256(b"record 1\n4;host5;1,5,21;a1;b1;c-;1;f4;body").hexdigest()


@pytest.mark.parametrize(
    "data", [b"1;a", b"1;a1;", b"1;a2;b", b"-;1;a", b"a", b"1;a-1;b", b"x;a1;b", b"1;\xff1;b", b"[1"]
)
def test_what_is_no_segment_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        HeaderUnpacker().unpack(data)


def test_headers_of_strangers_take_no_more_memory_than_a_bound() -> None:
    many: list[Headers] = [(("a", b"a" * number),) for number in range(2 * MOST_KEPT)]
    alike: list[Headers] = [((f"{number:09}", b""),) for number in range(2 * MOST_ALIKE)]
    large: list[Headers] = [(("a" * LARGEST_KEPT, b""),)]
    for those, most in ((many, MOST_KEPT), (alike, MOST_ALIKE), (large, 0)):
        packer, unpacker = HeaderPacker(), HeaderUnpacker()
        for each in those * 2:
            assert tuple(unpacker.unpack(packer.pack(each).data)) == each
        kept = [sum(map(len, by.values())) for by in (packer._layouts, unpacker._forms)]
        assert kept == [most, most]
