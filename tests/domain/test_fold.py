from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.fold import Fold, note_author
from promotion.domain.shelf import MOST_BYTES

THING = b"one thing, alone"


def folded(events):
    fold = Fold()
    for place, action, tree in events:
        fold.add(THING, action, tree, (place, 0, place))
    return fold.get(THING)


def test_every_action_but_deleted_merges_its_fields():
    there = folded([(1, "Created", {"EventId": {"nonce": 1}, "a": 1, "b": 2}), (2, "Updated", {"b": 3, "c": 4})])
    assert there.exists
    assert there.now() == {"a": 1, "b": 3, "c": 4}


def test_deleted_removes_it_with_all_it_had():
    there = folded([(1, "Created", {"a": 1}), (2, "Locked", {}), (3, "Deleted", {"a": 1})])
    assert (there.exists, there.now(), there.last_status) == (False, {}, "")
    there = folded([(1, "Created", {"a": 1, "b": 1}), (2, "Deleted", {}), (3, "Created", {"a": 2})])
    assert (there.exists, there.now()) == (True, {"a": 2})


ACTIONS = st.sampled_from(["Created", "Updated", "Deleted", "Locked", "Unlocked"])
TREES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3))


@given(st.lists(st.tuples(ACTIONS, TREES, st.booleans()), min_size=1, max_size=8), st.randoms())
def test_the_order_in_which_events_are_read_does_not_matter(happened, random):
    """Partitions are read side by side: only the places in the merged order count."""

    def state(order, most=MOST_BYTES):
        fold = Fold(most)
        for place in order:
            action, tree, promoted = happened[place]
            found = fold.add(THING, action, tree, (place, 0, 0))
            note_author(found, (place, 0, 0), str(place), promoted=promoted, derived=False)
        there = fold.get(THING)
        return there.exists, there.now(), there.last_status, there.changed_by_others, there.foreign_at

    order = list(range(len(happened)))
    expected = state(order)
    random.shuffle(order)
    assert state(order) == expected
    assert state(order, -1) == expected  # each event finds the aggregate in the file


def test_what_a_processor_derived_on_the_target_is_nobodys_change():
    fold = Fold()
    found = fold.add(THING, "Created", {}, (1, 0, 0))
    note_author(found, (1, 0, 0), "0:1", promoted=True, derived=False)
    note_author(found, (2, 0, 0), "0:2", promoted=False, derived=True)
    assert not found.changed_by_others
    note_author(found, (3, 0, 0), "0:3", promoted=False, derived=False)
    assert (found.changed_by_others, found.foreign_at) == (True, "0:3")
