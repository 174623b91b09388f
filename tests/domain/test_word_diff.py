"""What changed inside a text: nothing is lost, and hostile texts end soon."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.word_diff import Kind, Piece, folded, without, words

TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(["the", "quick", "fox", " ", ", ", "\n", "é", "\U0001f600"]), max_size=60).map("".join),
)


def joined(pieces: list[Piece], *kinds: Kind) -> str:
    return "".join(piece.text for piece in pieces if piece.kind in kinds)


@given(TEXTS, TEXTS)
def test_what_was_kept_and_removed_is_the_text_before_and_what_was_kept_and_added_the_one_after(
    before: str, after: str
) -> None:
    pieces = words(before, after)
    assert joined(pieces, Kind.KEPT, Kind.REMOVED) == before
    assert joined(pieces, Kind.KEPT, Kind.ADDED) == after
    assert all(piece.text for piece in pieces)
    assert joined(without(pieces, Kind.ADDED), Kind.KEPT, Kind.REMOVED) == before
    if before == after:
        assert {piece.kind for piece in pieces} <= {Kind.KEPT}


@given(TEXTS, TEXTS, st.integers(0, 20), st.integers(1, 30))
def test_folding_hides_only_what_a_gap_counts(before: str, after: str, context: int, most: int) -> None:
    pieces = words(before, after)
    shown = folded(pieces, context, most)
    assert sum(len(piece.text) + piece.omitted for piece in shown) == sum(len(piece.text) for piece in pieces)
    assert all((piece.omitted > 0) is (piece.kind is Kind.GAP) for piece in shown)
    assert len(shown) <= 3 * most + 3


def test_a_word_is_marked_as_a_whole() -> None:
    assert words("a host of dev", "a host of development") == [
        Piece(Kind.KEPT, "a host of "),
        Piece(Kind.REMOVED, "dev"),
        Piece(Kind.ADDED, "development"),
    ]


def test_of_a_long_text_the_changed_part_is_shown_with_what_stands_beside_it() -> None:
    before = "x " * 5_000 + "port 80" + " y" * 5_000
    shown = folded(words(before, before.replace("80", "443")), context=10)
    assert [piece.kind for piece in shown] == [Kind.GAP, Kind.KEPT, Kind.REMOVED, Kind.ADDED, Kind.KEPT, Kind.GAP]
    assert [piece.text for piece in shown[1:5]] == [" x x port ", "80", "443", " y y y y y"]


def test_a_word_of_thousands_of_characters_is_cut_where_it_changed() -> None:
    before = "A" * 5_000 + "B" + "C" * 5_000
    shown = folded(words(before, before.replace("B", "D")))
    assert Piece(Kind.REMOVED, "B") in shown
    assert Piece(Kind.ADDED, "D") in shown


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 50_000, "b " + "a " * 50_000 + "c"),
        ("x" * 100_000 + "1" + "y" * 100_000, "z" + "x" * 100_000 + "2" + "y" * 100_000),
        (" ".join(map(str, range(790))), " ".join(str(n ^ 1) for n in range(790))),
        (" ".join(map(str, range(790))), " ".join(map(str, reversed(range(790))))),
    ],
)
def test_hostile_texts_are_compared_in_a_moment(before: str, after: str) -> None:
    begun = time.process_time()
    words(before, after)
    assert time.process_time() - begun < 1
