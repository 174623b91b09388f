"""Our headers over one hop and several, also where somebody else wrote them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.provenance import Hop, OriginReader, Provenance, outgoing_headers, read_provenance
from promotion.domain.record import Headers
from tests.domain.strategies import headers

NAMES = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=30)
HOPS = st.builds(
    Hop, NAMES, NAMES, NAMES, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
)  # fmt: skip
DEV = Hop("dev", "c-1", "portal-event", 3, 42, "a" * 64)
SIT = Hop("sit", "c-2", "portal-event", 1, 7, "b" * 64)


@given(headers(), NAMES, HOPS)
def test_what_was_written_is_read(before: Headers, promotion_id: str, hop: Hop) -> None:
    found = read_provenance(outgoing_headers(before, promotion_id, hop))
    assert found is not None
    assert (found.promotion_id, found.source) == (promotion_id, hop)


@given(headers(), HOPS, HOPS, HOPS)
def test_the_origin_stays_over_every_hop(before: Headers, first: Hop, second: Hop, third: Hop) -> None:
    one = outgoing_headers(before, "p1", first)
    origin = read_provenance(one)
    three = outgoing_headers(outgoing_headers(one, "p2", second), "p3", third)
    assert origin is not None
    assert read_provenance(three) == Provenance("p3", third, origin.origin)
    assert len(three) == len(one)


@given(headers(), HOPS)
def test_the_sources_own_headers_keep_their_order(before: Headers, hop: Hop) -> None:
    own = [item for item in before if not item[0].startswith("promotion.")]
    after = outgoing_headers(before, "p", hop)
    assert [item for item in after if not item[0].startswith("promotion.")] == own


@given(headers())
def test_hostile_headers_never_raise(before: Headers) -> None:
    read_provenance(before)


def test_the_header_names_are_these() -> None:
    assert outgoing_headers((("trace", b"1"),), "p1", DEV)[:8] == (
        ("trace", b"1"),
        ("promotion.id", b"p1"),
        ("promotion.source.environment", b"dev"),
        ("promotion.source.cluster", b"c-1"),
        ("promotion.source.topic", b"portal-event"),
        ("promotion.source.partition", b"3"),
        ("promotion.source.offset", b"42"),
        ("promotion.source.sha256", b"a" * 64),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment", b""), ("environment", b"x" * 256), ("environment", b"\xff"), ("environment", b"a\nb"),
        ("cluster", None), ("partition", b"-1"), ("partition", b"2147483648"), ("partition", b"01"),
        ("offset", b"9223372036854775808"), ("offset", b"9" * 5000), ("offset", "\u0663".encode()),
        ("sha256", b"A" * 64), ("sha256", b"a" * 63),
    ],
)  # fmt: skip
def test_a_malformed_origin_is_replaced_by_the_source(name: str, value: bytes | None) -> None:
    forged = tuple(
        (key, value if key == f"promotion.origin.{name}" else old) for key, old in outgoing_headers((), "p1", DEV)
    )
    assert read_provenance(forged) is None
    found = read_provenance(outgoing_headers(forged, "p2", SIT))
    assert found == Provenance("p2", SIT, SIT)


def origin_of(found: Provenance | None) -> bytes | None:
    return found.origin.digest if found is not None else None


BAD = st.sampled_from([
    None, b"", b"x" * 256, b"\xff", b"a\nb", b"-1", b"2147483648", b"01", b"0", b"9223372036854775807",
    b"9223372036854775808", b"9" * 5000, "\u0663".encode(), b"A" * 64, b"a" * 63, b"7\n",
])  # fmt: skip


@given(st.data(), headers(), HOPS, HOPS)
def test_a_reader_of_many_records_says_the_same_of_each(data: st.DataObject, own: Headers, one: Hop, two: Hop) -> None:
    """Whatever it has read before, and whoever wrote the headers."""
    reader = OriginReader()
    for before in ((), own, outgoing_headers(own, "p1", one)):
        for hop in (two, one, two):
            found = list(outgoing_headers(before, "p2", hop))
            for at in data.draw(st.sets(st.integers(0, len(found) - 1), max_size=2)):
                found[at] = found[at][0], data.draw(BAD)
            if data.draw(st.booleans()):
                found = data.draw(st.permutations(found))[data.draw(st.integers(0, 1)) :]
            names, values = zip(*found, strict=True)
            assert reader.digest(names, values) == origin_of(read_provenance(tuple(found)))


def test_a_reader_forgets_what_it_has_met_too_much_of() -> None:
    reader = OriginReader()
    for number in range(2_500):
        made = outgoing_headers((), f"p{number}", Hop("dev", f"c{number}", "topic", 0, 7, "a" * 64))
        assert reader.digest(*zip(*made, strict=True)) == origin_of(read_provenance(made))
    assert max(len(reader._places), len(reader._texts)) <= 1_000


def test_a_reader_keeps_nothing_that_is_unfit() -> None:
    reader = OriginReader()
    for name in ("promotion.id", "promotion.origin.topic", "promotion.source.cluster"):
        long = tuple((key, b"x" * 300 if key == name else value) for key, value in outgoing_headers((), "p1", DEV))
        assert reader.digest(*zip(*long, strict=True)) is None
    assert not any(len(value) > 255 for kept in (*reader._places, reader._texts) for value in kept)


def test_a_repeated_origin_is_no_origin() -> None:
    twice = (*outgoing_headers((), "p1", DEV), ("promotion.origin.offset", b"1"))
    assert read_provenance(twice) is None
    assert read_provenance(outgoing_headers(twice, "p2", SIT)) == Provenance("p2", SIT, SIT)


def test_a_record_without_our_headers_has_no_provenance() -> None:
    assert read_provenance((("a", b"b"),)) is None
