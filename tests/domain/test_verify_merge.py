"""A target that is read in parts says what it says when it is read as a whole."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.verify import Findings, Matcher
from promotion.domain.verify_merge import pack, unpack
from tests.domain.test_verify import Planned, logs, read, shape

#: Alterations lie in a partition of their own.
PARTITIONS = 4


@given(logs(), st.lists(st.integers(0, 2), min_size=PARTITIONS, max_size=PARTITIONS))
def test_split_anywhere_it_is_what_one_has_found(given_log, part_of: list[int]) -> None:
    planned, log = given_log
    log = sorted((record for _, _, record in log), key=lambda record: (part_of[record.partition], record.partition))
    whole = read(planned.matcher(), log)

    steps = planned.matcher()
    parts = [steps.again() for _ in range(3)]
    for offset, record in enumerate(log):
        _take(parts[part_of[record.partition]], record, offset)
    for number, part in enumerate(parts):
        findings, lows = unpack(pack(part.findings, {number: 7}))
        assert lows == {number: 7}
        steps.add(findings)

    assert said(steps) == said(whole)


def _take(matcher: Matcher, record, offset: int) -> None:
    matcher.take(replace(record, offset=offset), shape)


def said(matcher: Matcher) -> dict:
    return {
        "absent": list(matcher.absent()),
        "prefix": (matcher.arrived_prefix, matcher.arrived_beyond),
        "found": (matcher.found, +matcher.found_at, matcher.foreign),
        "counts": +matcher.counts,
        "faults": matcher.faults,
    }


def test_of_each_kind_as_many_faults_are_named_as_by_one() -> None:
    planned = Planned.of([(0, key % 2) for key in range(60)])
    log = sorted(planned.records * 2, key=lambda record: record.partition)
    whole, steps = read(planned.matcher(), log), planned.matcher()
    for partition in range(2):
        part = steps.again()
        for offset, record in enumerate(log):
            if record.partition == partition:
                _take(part, record, offset)
        steps.add(unpack(pack(part.findings, {}))[0])
    assert said(steps) == said(whole)
    assert len(steps.faults) < sum(steps.counts.values())


def test_what_was_found_of_another_plan_is_refused() -> None:
    matcher = Planned.of([(0, 0), (0, 1)]).matcher()
    with pytest.raises(ValueError):
        matcher.add(Findings(b"\1", {}, [], {}, 0))


@given(logs())
def test_a_matcher_again_shares_nothing_that_it_finds(given_log) -> None:
    planned, log = given_log
    first = planned.matcher()
    again = read(first.again(), [record for _, _, record in log])
    assert said(first) == said(planned.matcher())
    assert said(again) == said(read(planned.matcher(), [record for _, _, record in log]))
    assert said(again.again())["counts"] == Counter()
