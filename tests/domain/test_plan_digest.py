from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.digest import PlanDigest
from promotion.domain.packed_headers import packed
from promotion.domain.refusals import MAX_POSITIONS, MAX_REASONS, Refusals

RECORD = {
    "key": b"host", "partition": 1, "timestamp": 5, "headers": (("a", b"b"), ("c", None)), "subject": "s",
    "fingerprint": "f", "body": b"body",
}  # fmt: skip
OTHER = {
    "key": b"hos", "partition": 2, "timestamp": 6, "headers": (("a", b"b"), ("c", b"")), "subject": "t",
    "fingerprint": "g", "body": b"bodz",
}  # fmt: skip


def digest(*records, target="{}") -> str:
    made = PlanDigest()
    for record in records:
        made.add(**record | {"headers": packed(record["headers"])})
    return made.finish(target)


def test_every_part_of_a_record_and_their_order_count():
    found = {digest(RECORD), digest(), digest(RECORD, RECORD), digest(RECORD, OTHER), digest(OTHER, RECORD)}
    found |= {digest(RECORD | {name: OTHER[name]}) for name in OTHER}
    found |= {digest(RECORD, target='{"ends": {"0": 1}}')}
    assert len(found) == 6 + len(OTHER)


@given(st.binary(), st.binary())
def test_bytes_cannot_move_from_one_part_to_the_next(one, other):
    plain = digest(RECORD | {"key": one, "body": other})
    if one:
        assert plain != digest(RECORD | {"key": one[:-1], "body": one[-1:] + other})


def test_refusals_are_bounded_and_all_are_counted():
    refusals = Refusals()
    for number in range(MAX_REASONS + 5):
        for offset in range(MAX_POSITIONS + 3):
            refusals.add(f"Reason {number}.", 0, offset)
    problems = refusals.problems()
    assert refusals.count == (MAX_REASONS + 5) * (MAX_POSITIONS + 3)
    assert len(problems) == MAX_REASONS + 1
    assert problems[0] == "13 events (0:0, 0:1, 0:2, 0:3, 0:4, 0:5, 0:6, 0:7, 0:8, 0:9 and 3 more): Reason 0."
    assert problems[-1] == "65 further events are refused for other reasons."
