"""Divide a reading into shares that several workers take: whole partitions, and none too small to be worth it."""

from __future__ import annotations

from collections.abc import Mapping


def shares(sizes: Mapping[int, int], least: int, most: int) -> list[list[int]]:
    """Return groups of partitions, the largest first: at most `most`, each of `least` offsets unless it is alone.

    `sizes` has how many offsets of each partition are to be read; partitions without any are in a group all the same.
    No partition is in two groups: a record's place in the order of replay follows from all that stand before it.
    """
    total = sum(sizes.values())
    number = max(1, min(most, total // least))
    enough = max(least, -(-total // number))
    groups: list[list[int]] = []
    group: list[int] = []
    size = 0
    for partition in sorted(sizes, key=lambda each: (-sizes[each], each)):
        group.append(partition)
        size += sizes[partition]
        if size >= enough:
            groups.append(group)
            group, size = [], 0

    def weight(group: list[int]) -> int:
        return sum(sizes[partition] for partition in group)

    if size >= least or not groups:
        groups.append(group)
    else:
        min(groups, key=weight).extend(group)
    return sorted(groups, key=weight, reverse=True)
