"""The judge sees every fault that it is there for: each is made by hand."""

from dataclasses import replace

from tests.chaos.judge import Verdict, Wanted, judge

WANTED = [Wanted(n, b"key-%d" % (n % 2), b"value %d" % n, (("name", b"x"),), 1_000 + n, n % 2) for n in range(6)]


def test_records_that_are_as_wanted_are_no_fault_whichever_partition_is_read_first() -> None:
    assert judge(WANTED, [*WANTED[1::2], *WANTED[::2]]) == Verdict(events=6)


def test_a_record_that_is_not_there_is_lost() -> None:
    assert judge(WANTED, WANTED[1:]) == Verdict(events=6, lost=1)


def test_every_further_copy_is_a_duplicate_and_says_nothing_of_the_order() -> None:
    assert judge(WANTED, [*WANTED, *WANTED[:2], WANTED[0]]) == Verdict(events=6, duplicated=3)


def test_a_record_behind_a_later_one_of_its_key_is_reordered() -> None:
    first, _, third, *rest = WANTED
    assert judge(WANTED, [third, first, WANTED[1], *rest]) == Verdict(events=6, reordered=1)


def test_records_of_different_keys_have_no_order() -> None:
    first, second, *rest = WANTED
    assert judge(WANTED, [second, first, *rest]) == Verdict(events=6)


def test_whatever_differs_about_a_record_it_is_altered() -> None:
    for change in (
        {"key": b"key-1"},
        {"value": b"another"},
        {"headers": (("name", b"x"), ("name", b"x"))},
        {"timestamp": 1},
        {"partition": 1},
    ):
        assert judge(WANTED, [replace(WANTED[0], **change), *WANTED[1:]]).altered == 1, change


def test_a_record_that_nobody_wanted_is_altered_and_its_original_lost() -> None:
    assert judge(WANTED, [replace(WANTED[0], identity=None), *WANTED[1:]]) == Verdict(events=6, lost=1, altered=1)
