from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.outbox import Groups
from promotion.domain.shelf import MOST_BYTES


def headers(name: bytes, ordinal: int, count: int):
    return (
        ("transaction_id", name),
        ("transaction_ordinal", b"%d" % ordinal),
        ("transaction_count", b"%d" % count),
    )


def test_a_group_with_a_missing_record_is_a_problem_with_its_numbers():
    groups = Groups()
    groups.add(headers(b"a", 0, 3), "0:1")
    groups.add(headers(b"a", 2, 3), "0:3")
    groups.add(headers(b"b", 1, 1), "0:4")
    groups.add((), "0:5")
    assert groups.unfinished == 1
    (said,) = groups.problems()
    assert said.startswith("1 groups of outbox records would arrive incomplete (2 of 3 from source 0:1)")


def test_a_whole_group_is_none_however_its_ordinals_begin():
    groups = Groups()
    for ordinal in (1, 2, 2, 3):
        groups.add(headers(b"a", ordinal, 3), "0:1")
    assert (groups.unfinished, groups.problems()) == (0, [])


def test_headers_that_are_not_the_outboxs_are_none():
    groups = Groups()
    groups.add((("transaction_id", b"x"),), "0:1")
    groups.add((("transaction_id", b"x"), ("transaction_ordinal", b"-1"), ("transaction_count", b"2")), "0:1")
    assert groups.problems() == []


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(0, 3), st.integers(1, 3))))
def test_any_number_of_groups_is_told_of_as_a_few_are(records):
    def said(most):
        groups = Groups(most)
        unfinished = []
        for number, (name, ordinal, count) in enumerate(records):
            groups.add(headers(name, ordinal, count), f"0:{number}")
            unfinished.append(groups.unfinished)
        return unfinished, groups.problems()

    assert said(MOST_BYTES) == said(-1)
