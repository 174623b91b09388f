from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.pace import INTERVAL_MS, KEPT, SILENT_MS, Pace, about, rate, remaining, silent_for

START = 1_760_000_000_000


def steady(seconds: int, a_second: int) -> list[tuple[int, int]]:
    return [(START + second * 1_000, second * a_second) for second in range(seconds + 1)]


@given(st.lists(st.tuples(st.integers(0, 5_000), st.booleans()), max_size=300))
def test_however_often_it_is_asked_there_is_one_sample_a_second_and_sixty_at_most(
    steps: list[tuple[int, bool]],
) -> None:
    pace, now = Pace(), START
    for done, (wait, always) in enumerate(steps):
        now += wait
        pace.take(now, done, always=always)
    times = [at for at, _ in pace.samples]
    assert len(times) <= KEPT
    assert times == sorted(times)
    assert all(b - a >= INTERVAL_MS for a, b in list(pairwise(times))[1:])


def test_the_last_look_counts_where_it_has_to() -> None:
    pace = Pace()
    for at, done in ((0, 0), (1_000, 10), (1_100, 12)):
        pace.take(START + at, done, always=at == 1_100)
    assert pace.samples == [(START, 0), (START + 1_100, 12)]


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    slow_then_quick = [*steady(30, 10), *((START + (30 + n) * 1_000, 300 + n * 1_000) for n in range(1, 11))]
    assert rate(slow_then_quick, slow_then_quick[-1][0]) == 1_000
    assert rate([], START) is None
    assert rate([(START, 5)], START + 500) is None


def test_a_job_that_stands_still_does_not_keep_its_rate() -> None:
    samples = steady(10, 100)
    end = samples[-1][0]
    assert rate(samples, end + SILENT_MS) == 100
    later = rate(samples, end + 90_000)
    assert later is not None
    assert later <= 2
    assert remaining(samples, end + SILENT_MS + 1, 1_000, 5_000) is None
    assert silent_for(samples, end + 42_000) == 42
    assert silent_for(samples, end + 1_000) is None


def test_what_is_left_is_said_where_it_is_known_alone() -> None:
    samples = steady(10, 100)
    end = samples[-1][0]
    assert remaining(samples, end, 1_000, 13_000) == 120
    assert remaining(samples, end, 1_000, None) is None
    assert remaining(samples[:2], samples[1][0], 100, 13_000) is None
    assert remaining([(at, 7) for at, _ in samples], end, 7, 13_000) is None


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0, "a few seconds"), (9.9, "a few seconds"), (13, "about 10 s"), (54, "about 50 s"), (55, "about 1 min"),
        (119, "about 2 min"), (3_540, "about 59 min"), (3_600, "about 1 h"), (4_900, "about 1 h 20 min"),
        (7_190, "about 2 h"), (10**9, "about 277,777 h 50 min"),
    ],
)  # fmt: skip
def test_time_that_is_left_is_said_as_people_guess_it(seconds: float, says: str) -> None:
    assert about(seconds) == says
