from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.timeline import DAY, HOUR, MINUTE, MOST_BARS, WEEK, Bar, bars, boundaries

MONDAY = 1_762_128_000_000  # 2025-11-03, 00:00 UTC
MOMENTS = st.integers(0, 4_000_000_000_000)


@given(MOMENTS, MOMENTS)
def test_every_time_lies_in_a_bar_and_there_are_never_too_many(one: int, other: int) -> None:
    first, last = sorted((one, other))
    found = boundaries(first, last)
    assert found[0] <= first
    assert last < found[-1]
    assert found == sorted(set(found))
    assert 1 <= len(found) - 1 <= MOST_BARS
    assert len({after - before for before, after in pairwise(found)}) == 1


@given(MOMENTS, MOMENTS)
def test_the_first_and_the_last_bar_are_not_empty(one: int, other: int) -> None:
    first, last = sorted((one, other))
    found = boundaries(first, last)
    assert first < found[1]
    assert last >= found[-2]


def test_bars_begin_where_people_begin_to_count() -> None:
    assert boundaries(MONDAY + 5, MONDAY + 50 * MINUTE)[:2] == [MONDAY, MONDAY + MINUTE]
    assert boundaries(MONDAY + 5, MONDAY + 40 * HOUR)[1] - MONDAY == HOUR
    assert boundaries(MONDAY + 3 * HOUR, MONDAY + 58 * DAY)[:2] == [MONDAY, MONDAY + DAY]
    # Thursday's events lie in the week that began on Monday.
    assert boundaries(MONDAY + 3 * DAY, MONDAY + 300 * DAY)[:2] == [MONDAY, MONDAY + WEEK]


def test_a_bar_holds_what_lies_between_two_boundaries_over_all_partitions() -> None:
    marks = [(0, {"0": 5, "1": 0}), (10, {"0": 7, "1": 4}), (20, {"0": 7, "1": 9, "2": 3})]
    assert bars(marks) == [Bar(0, 10, 6), Bar(10, 20, 5)]
    assert bars([]) == bars(marks[:1]) == []
