"""What is said of keys: every event is counted once, and whatever is shown is bounded and fit to look at."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain import key_moves
from promotion.domain.key_moves import MOST_KEYS, MOST_OLD, MOST_SPLIT, KeyMoves, sentences
from promotion.domain.keys import Tenancy, what_gives_a_key
from tests.domain.test_resolution import event
from tests.domain.test_resolve import field, record

KEYS = st.sampled_from([b"a", b"b", b"c", b"", b"\xff"])


def counted(*pairs: tuple[bytes | None, bytes]) -> dict[str, Any]:
    moves = KeyMoves()
    for old, new in pairs:
        moves.add(old, new)
    return moves.to_json()


@given(st.lists(st.tuples(st.none() | KEYS, KEYS), max_size=60))
def test_every_event_is_counted_once_by_its_old_and_new_key(pairs: list[tuple[bytes | None, bytes]]) -> None:
    said = counted(*pairs)
    assert said["complete"]
    assert said["events"] == len(pairs) == sum(each["events"] for each in said["keys"])
    assert said["changed"] == sum(old != new for old, new in pairs)
    assert said["new"] == len({new for _, new in pairs}) == len(said["keys"])
    assert all(each["events"] == sum(old["events"] for old in each["old"]) for each in said["keys"])
    of = Counter(new for _, new in set(pairs))
    assert said["merged"] == sum(number > 1 for number in of.values())
    into = Counter(old for old, _ in set(pairs) if old is not None)
    assert said["split"] == sum(number > 1 for number in into.values()) == len(said["split_keys"])
    assert [each["events"] for each in said["keys"]] == sorted((e["events"] for e in said["keys"]), reverse=True)


def test_what_merges_and_what_is_split_is_said_in_a_sentence_each() -> None:
    merged, split = sentences(counted((b"a", b"x"), (b"b", b"x"), (b"b", b"y")))
    assert merged.startswith("1 new key takes over the events of several old ones")
    assert split.startswith("The events of 1 old key are spread")
    assert sentences(counted((b"a", b"a"), (b"b", b"b"))) == []
    # Records without a key had no order among each other that could be lost.
    assert sentences(counted((None, b"x"), (None, b"y"))) == []


def test_a_key_is_shown_to_its_last_character_and_binary_ones_in_hex() -> None:
    said = counted((b"a\xe2\x80\xaeb", b"\xff\x00"), (None, b"k" * 500))
    shown = {each["key"]: each for each in said["keys"]}
    assert shown["ff 00"]["hex"]
    assert shown["ff 00"]["old"] == [{"key": "a\\u202eb", "hex": False, "events": 1}]
    assert shown["k" * 120 + "…"]["old"][0]["key"] is None


def test_what_a_plan_keeps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(b"%d" % n, b"new-%d" % (n % (MOST_KEYS + 50))) for n in range((MOST_KEYS + 50) * (MOST_OLD + 5))]
    said = counted(*many)
    assert (len(said["keys"]), len(said["keys"][0]["old"]), said["keys"][0]["more_old"]) == (MOST_KEYS, MOST_OLD, 5)
    torn = counted(*((b"old-%d" % (n % (MOST_SPLIT + 9)), b"%d" % n) for n in range((MOST_SPLIT + 9) * 2)))
    assert (torn["split"], len(torn["split_keys"]), torn["split_keys"][0]["into"]) == (MOST_SPLIT + 9, MOST_SPLIT, 2)
    monkeypatch.setattr(key_moves, "MOST_PAIRS", 2)
    some = counted((b"a", b"x"), (b"b", b"x"), (b"c", b"y"), (b"a", b"x"))
    assert (some["events"], some["new"], some["complete"]) == (4, 1, False)
    assert sentences(some) == [
        "At least 1 new key takes over the events of several old ones: their order among each other is the plan's, by "
        "timestamp."
    ]
    monkeypatch.setattr(key_moves, "MOST_BYTES", 1_000)
    assert not counted((b"a", b"x" * 2_000))["complete"]


def test_types_without_a_key_are_listed_with_what_would_help() -> None:
    moves = KeyMoves()
    for name in ("t.A", "t.B", "t.B"):
        moves.add_without(name, f"Help {name}.")
    assert moves.to_json()["without"] == {
        "events": 3,
        "types": [
            {"type": "t.B", "events": 2, "helps": "Help t.B."},
            {"type": "t.A", "events": 1, "helps": "Help t.A."},
        ],
    }


def test_what_gives_a_key_depends_on_the_fields_that_the_type_has() -> None:
    multi, single = Tenancy.MULTI, Tenancy.SINGLE
    assert what_gives_a_key(event("document", field("hostId", "string")), multi) == "A rule that sets hostId."
    assert what_gives_a_key(event("later"), multi) == "A rule that sets EventId.hostId."
    assert "later generation" in what_gives_a_key(event("document"), multi)
    assert what_gives_a_key(event("later"), single) == "A rule that sets EventId.userId."
    assert what_gives_a_key(event("early"), single) == "A rule that sets EventId.id."
    assert "exclude" in what_gives_a_key(record(), single)
