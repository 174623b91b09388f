"""Several partitions become one sequence, and none is reordered."""

from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.order import HighestSoFar, merge_key, running_max

PARTITIONS = st.dictionaries(st.integers(0, 5), st.lists(st.integers(-1, 30), max_size=15), max_size=5)


@given(PARTITIONS)
def test_a_source_partition_is_never_reordered(partitions: dict[int, list[int]]) -> None:
    keys = [
        merge_key(highest, partition, offset)
        for partition, timestamps in partitions.items()
        for offset, highest in enumerate(running_max(timestamps))
    ]
    merged = sorted(keys)
    for partition, timestamps in partitions.items():
        assert [offset for _, number, offset in merged if number == partition] == list(range(len(timestamps)))


@given(PARTITIONS)
def test_reading_one_by_one_gives_the_same_keys(partitions: dict[int, list[int]]) -> None:
    for partition, timestamps in partitions.items():
        half = len(timestamps) // 2
        first = HighestSoFar()
        keys = [first.key(partition, offset, at) for offset, at in enumerate(timestamps[:half])]
        resumed = HighestSoFar(first.by_partition)
        keys += [resumed.key(partition, half + n, at) for n, at in enumerate(timestamps[half:])]
        assert keys == [merge_key(high, partition, n) for n, high in enumerate(running_max(timestamps))]


def test_between_partitions_the_highest_timestamp_so_far_decides() -> None:
    late = [merge_key(at, 0, n) for n, at in enumerate(running_max([50, 10]))]
    early = [merge_key(at, 1, n) for n, at in enumerate(running_max([20, 60]))]
    merged = sorted(late + early)
    assert [(partition, offset) for _, partition, offset in merged] == [(1, 0), (0, 0), (0, 1), (1, 1)]
