"""Differences as a page shows them."""

from typing import Any

import pytest

from promotion.domain.diff import differences
from promotion.domain.shown_difference import MOST_BLOCK, between, shown_difference, shown_differences, steps
from promotion.domain.word_diff import Kind


def shown(before: Any, after: Any) -> Any:
    [only] = shown_differences(differences(before, after))
    return only


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("EventId.nonce", ["EventId", "nonce"]),
        ("roles[2].name", ["roles", "[2]", "name"]),
        ("labels['m n'].x", ["labels", "m n", "x"]),
        ("labels['a.b", ["labels", "[", "'a", "b"]),
        ("", []),
    ],
)
def test_a_path_is_its_steps(path: str, expected: list[str]) -> None:
    assert steps(path) == expected


def test_of_a_changed_text_only_the_words_that_changed_are_marked() -> None:
    row = shown({"d": "one two three"}, {"d": "one 2 three"})
    assert (row.path, row.status, row.before, row.after) == ("d", "changed", '"one two three"', '"one 2 three"')
    assert [(piece.kind, piece.text) for piece in row.left.pieces] == [
        (Kind.KEPT, '"one '), (Kind.REMOVED, "two"), (Kind.KEPT, ' three"'),
    ]  # fmt: skip
    assert [piece.text for piece in row.right.pieces if piece.kind is Kind.ADDED] == ["2"]


def test_where_one_side_has_nothing_to_mark_its_words_around_the_place_stand_there() -> None:
    long = "word " * 60
    row = shown({"d": f"{long}here and{long}"}, {"d": f"{long}here now and{long}"})
    left = "".join(piece.text for piece in row.left.pieces)
    assert "here and" in left
    assert len(left) < 200


def test_what_is_left_out_of_a_long_new_stretch_is_counted_on_its_own_side() -> None:
    row = shown({"d": "a"}, {"d": "a " + "x " * 2_000})
    assert not any(piece.omitted for piece in row.left.pieces)
    assert sum(piece.omitted for piece in row.right.pieces) > 2_000


def test_a_number_that_changed_is_marked_whole() -> None:
    row = shown({"n": 10}, {"n": 100})
    assert [(piece.kind, piece.text) for piece in (*row.left.pieces, *row.right.pieces)] == [
        (Kind.REMOVED, "10"), (Kind.ADDED, "100"),
    ]  # fmt: skip


def test_a_nested_value_is_a_block_with_its_indents() -> None:
    row = shown({}, {"address": {"street": "Main", "lines": [1, 2]}})
    assert (row.status, row.left) == ("new", None)
    assert row.right.summary == "street, lines (2 fields)"
    assert row.right.block.splitlines()[1] == '  "street": "Main",'


def test_a_block_is_bounded_and_says_what_it_leaves_out() -> None:
    row = shown({"a": ["x" * 50] * 2_000}, {})
    assert row.left.summary == "2,000 items"
    assert len(row.left.block) == MOST_BLOCK
    assert row.left.more > 50_000
    assert len(row.before) < 400


def test_what_cannot_be_seen_is_visible_on_both_sides() -> None:
    row = shown({"a": "x\u202ey"}, {"a": "x\u2066y"})
    said = "".join(piece.text for side in (row.left, row.right) for piece in side.pieces)
    assert ("\\u202e" in said, "\\u2066" in said, said.isprintable()) == (True, True, True)


def test_a_report_knows_no_value_by_none() -> None:
    assert [shown_difference(between("a", *each)).status for each in ((None, 1), (1, None), (1, 2))] == [
        "new", "removed", "changed",
    ]  # fmt: skip
