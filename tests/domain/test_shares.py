from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.shares import shares

SIZES = st.dictionaries(st.integers(0, 200), st.integers(0, 10_000), max_size=60)


@given(SIZES, st.integers(1, 5_000), st.integers(1, 40))
def test_every_partition_is_in_one_share_and_no_share_is_small_but_the_only_one(
    sizes: dict[int, int], least: int, most: int
) -> None:
    groups = shares(sizes, least, most)
    assert sorted(partition for group in groups for partition in group) == sorted(sizes)
    assert 1 <= len(groups) <= most
    large = [sum(sizes[partition] for partition in group) for group in groups]
    assert large == sorted(large, reverse=True)
    assert len(groups) == 1 or min(large) >= least


@given(st.integers(1, 30), st.integers(50, 1_000))
def test_partitions_that_are_large_enough_are_a_share_each(number: int, size: int) -> None:
    assert shares(dict.fromkeys(range(number), size), 50, 32) == [[n] for n in range(number)]


def test_a_share_has_more_partitions_where_there_are_many() -> None:
    assert [len(group) for group in shares(dict.fromkeys(range(64), 2_000), 50_000, 32)] == [32, 32]
    assert len(shares(dict.fromkeys(range(1_000), 10**6), 50_000, 32)) == 32


def test_what_is_too_little_for_a_share_goes_to_the_smallest() -> None:
    assert shares({0: 10**6, 1: 10, 2: 10}, 50_000, 32) == [[0, 1, 2]]
    assert shares({0: 300_000, 1: 10**6, 2: 10}, 50_000, 32) == [[1], [0, 2]]
    assert shares({}, 50_000, 32) == [[]]
