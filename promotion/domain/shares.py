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
    groups: list[tuple[int, list[int]]] = []
    size, group = 0, list[int]()
    for partition in sorted(sizes, key=lambda each: (-sizes[each], each)):
        group.append(partition)
        size += sizes[partition]
        if size >= enough:
            groups.append((size, group))
            size, group = 0, []
    if size >= least or not groups:
        groups.append((size, group))
    else:
        min(groups)[1].extend(group)
    return [group for _, group in sorted(groups, key=lambda each: -each[0])]
