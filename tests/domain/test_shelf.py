"""What a plan remembers in bounded memory is what it would remember in a dictionary."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.digests import Digests
from promotion.domain.shelf import Shelf
from promotion.errors import PromotionError

#: Few beginnings and few ends: digests that agree in what memory has of them, and such as begin inside another one.
PARTS = st.sampled_from([b"\0" * 8, b"\0" * 7 + b"\1", b"\0\1" * 4, b"\1\0" * 4, b"ab" * 4])
KEYS = st.builds(lambda one, two: one + two, PARTS, PARTS)
ANY_KEYS = KEYS | st.binary(min_size=16, max_size=16)


@given(st.lists(ANY_KEYS), st.lists(ANY_KEYS))
def test_a_set_of_digests_holds_those_that_were_added_and_no_other(added: list[bytes], others: list[bytes]) -> None:
    found, known = Digests(added), set(added)
    assert [each in found for each in (*added, *others)] == [each in known for each in (*added, *others)]


@given(st.lists(ANY_KEYS), st.lists(ANY_KEYS))
def test_a_narrow_set_of_digests_goes_by_their_first_bytes(added: list[bytes], others: list[bytes]) -> None:
    found, known = Digests(added, width=8), {each[:8] for each in added}
    assert [each in found for each in (*added, *others)] == [each[:8] in known for each in (*added, *others)]


@pytest.mark.parametrize("width", [8, 16])
def test_what_stands_across_two_digests_is_none_of_them(width: int) -> None:
    size = width - 2
    first, second = bytes(range(1, 1 + size)), bytes(range(100, 100 + size))
    found = Digests((b"\0\0" + rest + bytes(16 - width) for rest in (first, second)), width)
    across = b"\0\0" + first[3:] + second[:3] + bytes(16 - width)
    assert across not in found
    found.add(across)
    assert across in found


def test_a_shelf_tells_apart_what_agrees_in_memory_and_what_stands_across_two_entries() -> None:
    shelf = Shelf[bytes](bytes, bytes, most=-1)
    keys = [b"\0" * 9 + bytes([n]) * 7 for n in range(5)] + [bytes([0, 0, *([n] * 14)]) for n in range(5)]
    for key in keys:
        shelf.put(key, key)
    shelf.put(b"x" * 16, b"")
    assert [shelf.get(key) for key in keys] == keys
    assert shelf.get(b"\0" * 9 + b"\7" * 7) is None


def test_a_set_of_digests_takes_each_once() -> None:
    found = Digests([b"\0\1" + bytes([n % 50]) * 14 for n in range(10_000)])
    assert sum(len(bucket or b"") for bucket in found._buckets) == 50 * 14


VALUES = st.dictionaries(st.text(max_size=3), st.integers() | st.text() | st.binary(max_size=3_000), max_size=3)
DEEDS = st.lists(st.tuples(st.sampled_from(["put", "change", "get"]), ANY_KEYS, VALUES), max_size=40)


@given(DEEDS, st.sampled_from([-1, 0, 400, 10_000]))
def test_a_shelf_says_what_a_dictionary_says_whatever_lies_in_its_file(
    deeds: list[tuple[str, bytes, dict[str, object]]], most: int
) -> None:
    shelf, known = Shelf[dict[str, object]](dict, dict, most), dict[bytes, dict[str, object]]()
    for what, key, value in deeds:
        found = shelf.get(key)
        assert found == known.get(key)
        if what == "put":
            shelf.put(key, dict(value), 100)
            known[key] = dict(value)
        elif what == "change" and found is not None:
            shelf.changed(key, 50)
            found["x"] = known[key]["x"] = len(value)
    assert [shelf.get(key) for key in known] == list(known.values())
    assert sorted(map(repr, shelf.values())) == sorted(map(repr, known.values()))


def test_a_shelf_holds_no_more_than_it_may() -> None:
    shelf = Shelf[str](str, str, most=50_000)
    for number in range(10_000):
        shelf.put(number.to_bytes(16, "little"), f"value {number}", 20)
        assert len(shelf._held) <= 50_000 / 300 + 1
    assert [shelf.get(number.to_bytes(16, "little")) for number in (0, 5_000, 9_999)] == [
        "value 0", "value 5000", "value 9999",
    ]  # fmt: skip


def test_what_is_only_looked_at_is_not_written_again() -> None:
    shelf = Shelf[bytes](bytes, bytes, most=0)
    for number in range(3):
        shelf.put(bytes([number]) * 16, b"x" * 1_000)
    shelf.get(b"\0" * 16)
    assert shelf._log is not None
    before = shelf._log._end
    for _ in range(5):
        for number in range(2):
            assert shelf.get(bytes([number]) * 16) == b"x" * 1_000
    assert shelf._log._end <= before + 1_100


def test_the_file_has_no_name_that_anybody_could_open(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shelf = Shelf[bytes](bytes, bytes, most=-1)
    for number in range(3):
        shelf.put(bytes([number]) * 16, b"x")
    assert shelf.get(b"\0" * 16) == b"x"
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written_is_said_with_what_to_do() -> None:
    shelf = Shelf[bytes](bytes, bytes, most=-1)
    shelf.put(b"\0" * 16, b"x")
    shelf.put(b"\1" * 16, b"x")
    assert shelf._log is not None
    with open("/dev/full", "wb", buffering=0) as full:
        shelf._log._file = full
        with pytest.raises(PromotionError, match=r"No space left on device.*TMPDIR"):
            shelf.put(b"\2" * 16, b"x")


def test_a_directory_that_is_not_there_is_said_too(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(PromotionError, match=r"No such file.*TMPDIR"):
        Shelf[bytes](bytes, bytes, most=-1).put(b"\0" * 16, b"x")
