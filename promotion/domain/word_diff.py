"""What changed inside a text, word by word: lossless, and bounded however hostile both texts are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

#: A word with the white space behind it, or one other character with it.
_WORD = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
#: Words of either side that are compared, and pairs of equal words among them: beyond, the whole counts as changed.
MOST_WORDS, MOST_PAIRS = 800, 20_000
LONG_WORD = 40


class Kind(StrEnum):
    """What became of a piece of text; a gap stands for text that was kept and is not shown."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. A gap has none: `omitted` is how many characters it stands for, `of` what became of them."""

    kind: Kind
    text: str
    omitted: int = 0
    of: Kind = Kind.KEPT


def words(before: str, after: str) -> list[Piece]:
    """Return the pieces of both texts in order.

    Those kept and removed, joined, are `before`; those kept and added are `after`. No piece is empty.
    """
    head = _common_begin(before, after)
    tail = _common_end(before, after, head)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    found = [Piece(Kind.KEPT, before[:head]), *_changed(old, new), Piece(Kind.KEPT, before[len(before) - tail :])]
    return _joined(found)


def without(pieces: Sequence[Piece], kind: Kind) -> list[Piece]:
    """Return the pieces but those of one kind: without what was added it is the text before."""
    return _joined(piece for piece in pieces if kind not in (piece.kind, piece.of))


def folded(pieces: Sequence[Piece], context: int = 60, most: int = 1_000) -> list[Piece]:
    """Return the pieces with gaps in place of long kept stretches, of which `context` characters stay beside a change.

    A changed piece of more than `most` characters ends with a gap too. Pieces beyond `most` in number are one gap.
    """
    shown: list[Piece] = []
    last = len(pieces) - 1
    for number, piece in enumerate(pieces):
        if len(shown) >= most:
            shown.append(Piece(Kind.GAP, "", sum(len(each.text) for each in pieces[number:])))
            break
        if piece.kind is Kind.KEPT:
            shown += _fold_kept(piece.text, 0 if number == 0 else context, 0 if number == last else context)
        else:
            shown += _fold_changed(piece, most)
    return shown


def _fold_kept(text: str, begin: int, end: int) -> Iterator[Piece]:
    """Keep so many characters of both ends. A gap that would save little is not made."""
    omitted = len(text) - begin - end
    if omitted < 20:
        yield Piece(Kind.KEPT, text)
        return
    if begin:
        yield Piece(Kind.KEPT, text[:begin])
    yield Piece(Kind.GAP, "", omitted)
    if end:
        yield Piece(Kind.KEPT, text[-end:])


def _fold_changed(piece: Piece, most: int) -> Iterator[Piece]:
    yield Piece(piece.kind, piece.text[:most])
    if len(piece.text) > most:
        yield Piece(Kind.GAP, "", len(piece.text) - most, piece.kind)


def _changed(old: str, new: str) -> Iterator[Piece]:
    a, b = _split(old), _split(new)
    if a is None or b is None or not _affordable(a, b):
        yield Piece(Kind.REMOVED, old)
        yield Piece(Kind.ADDED, new)
        return
    for tag, start, end, other, other_end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece(Kind.KEPT, "".join(a[start:end]))
        else:
            yield Piece(Kind.REMOVED, "".join(a[start:end]))
            yield Piece(Kind.ADDED, "".join(b[other:other_end]))


def _split(text: str) -> list[str] | None:
    """Return the words of a text, None where there are too many."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        if len(found) == MOST_WORDS:
            return None
        found.append(match[0])
    return found


def _affordable(a: list[str], b: list[str]) -> bool:
    """Whether few enough words stand on both sides: comparing costs as much as there are pairs, more than once."""
    there = Counter(b)
    return sum(count * there[word] for word, count in Counter(a).items()) <= MOST_PAIRS


def _common_begin(before: str, after: str) -> int:
    length = _alike(before, after)
    return length - _cut_words((before, length), (after, length), step=-1)


def _common_end(before: str, after: str, head: int) -> int:
    most = min(len(before), len(after)) - head
    length = min(most, _alike(before[::-1], after[::-1]))
    return length - _cut_words((before, len(before) - length), (after, len(after) - length), step=1)


def _alike(one: str, other: str) -> int:
    """Return how many characters both begin with, found by halves: comparing them one by one takes too long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cut_words(*places: tuple[str, int], step: int) -> int:
    """Return how many characters to go from these places in two texts, so that no word is cut in two.

    A word that is longer than LONG_WORD is cut: in an encoded file the whole of it says nothing.
    """
    for far in range(LONG_WORD):
        if not any(_inside_word(text, at + step * far) for text, at in places):
            return far
    return 0


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and _of_word(text[at - 1]) and _of_word(text[at])


def _of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _joined(pieces: Iterator[Piece] | Sequence[Piece]) -> list[Piece]:
    """Leave out empty pieces and join neighbours of one kind."""
    found: list[Piece] = []
    for piece in pieces:
        if found and found[-1].kind is piece.kind and not piece.omitted:
            found[-1] = Piece(piece.kind, found[-1].text + piece.text)
        elif piece.text or piece.omitted:
            found.append(piece)
    return found
