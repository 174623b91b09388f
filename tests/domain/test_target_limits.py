from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.target_limits import LimitCheck, TargetLimits, batch_bytes, headers_bytes

HEADERS = st.lists(st.tuples(st.text(), st.none() | st.binary(max_size=300)), max_size=5).map(tuple)


def zigzag(number: int) -> bytes:
    """Kafka's varint, written out: what its size is counted from here."""
    number <<= 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


@given(st.binary(max_size=9_000), st.integers(0, 3_000_000), HEADERS)
def test_the_size_of_a_record_is_that_of_the_batch_written_out(key, value_bytes, headers):
    record = bytes(3) + zigzag(len(key)) + key + zigzag(value_bytes) + zigzag(len(headers))
    for name, value in headers:
        raw = name.encode(errors="surrogatepass")
        record += zigzag(len(raw)) + raw + (b"\x01" if value is None else zigzag(len(value)) + value)
    written = len(record) + value_bytes
    assert batch_bytes(key, value_bytes, headers_bytes(headers)) == 61 + len(zigzag(written)) + written


def test_no_limit_and_minus_one_let_everything_through():
    for limits in (TargetLimits(), TargetLimits(-1, -1, 2**63 - 1, 2**63 - 1, None)):
        check = LimitCheck(limits, now_ms=10**12)
        check.add(0, timestamp=1, size=10**9, partition=0, offset=0)
        assert check.problems() == []


def test_a_record_exactly_at_a_limit_is_within_it():
    check = LimitCheck(TargetLimits(100, 50, 100, 10, 50), now_ms=1_000)
    check.add(0, timestamp=900, size=50, partition=0, offset=0)
    check.add(1, timestamp=1_010, size=50, partition=0, offset=1)
    assert check.problems() == []


def test_each_problem_names_the_record_furthest_beyond_the_limit():
    check = LimitCheck(TargetLimits(retention_ms=100, max_message_bytes=50), now_ms=1_000)
    check.add(0, timestamp=800, size=51, partition=2, offset=7)
    check.add(0, timestamp=700, size=60, partition=2, offset=8)
    check.add(0, timestamp=750, size=55, partition=2, offset=9)
    old, large = check.problems()
    assert old.startswith("3 records are older")
    assert large.startswith("3 records are larger")
    assert "source 2:8" in old
    assert "source 2:8, has 60 bytes" in large
