import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.fold import Fold, note_author
from promotion.domain.identity import Identity
from promotion.domain.judge import Candidate, Copy, Judge, TargetState, Verdict, creates
from promotion.domain.shelf import Shelf

ROLE = Identity("Role", ("h", "admin"))


def event(action="Created", identity=ROLE, origin=b"o", content=b"c", **tree):
    return Candidate(identity, action, {"EventId": {"nonce": 7}, **tree}, origin, content, action == "Created")


def state(*happened, promoted=()):
    """A target where `happened`, (action, fields) each; those whose index is in `promoted` came by a promotion."""
    made = TargetState()
    for place, (action, tree) in enumerate(happened):
        found = made.fold.add(ROLE.digest, action, tree, (place, 0, place))
        note_author(found, (place, 0, place), f"0:{place}", promoted=place in promoted, derived=False)
    return made


def verdicts(target, *events, forced=frozenset()):
    judge = Judge(target, "sit")
    return [judge.judge(each, forced) for each in events]


def test_what_is_not_there_is_new_and_what_follows_it_in_the_plan_is_no_orphan():
    created, updated, deleted, again = verdicts(
        state(), event(desc="a"), event("Updated", desc="b"), event("Deleted"), event(desc="c")
    )
    assert [created.verdict, updated.verdict, deleted.verdict, again.verdict] == ["new", "changed", "changed", "new"]
    assert all(each.goes for each in (created, updated, deleted, again))
    (change,) = updated.changes
    assert (change.path, change.before, change.after) == ("desc", "a", "b")


def test_a_change_says_field_by_field_what_is_there_and_what_goes_out():
    (judged,) = verdicts(state(("Created", {"desc": "a", "tags": ["x"]})), event("Updated", desc="a", tags=["y"], n=1))
    assert judged.verdict == Verdict.CHANGED
    assert [(c.path, c.before, c.after) for c in judged.changes] == [("tags[0]", "x", "y"), ("n", None, 1)]


def test_what_would_change_nothing_is_left_out():
    (judged,) = verdicts(state(("Created", {"desc": "a"}), ("Updated", {"n": 1})), event("Updated", desc="a"))
    assert (judged.verdict, judged.goes) == (Verdict.SAME, False)


def test_numbers_that_look_alike_are_not_the_same():
    (judged,) = verdicts(state(("Created", {"n": 1})), event("Updated", n=1.0))
    assert judged.verdict == Verdict.CHANGED


@pytest.mark.parametrize("action", ["Updated", "Deleted", "Locked"])
def test_what_would_change_or_delete_nothing_that_is_there_is_an_orphan(action):
    (judged,) = verdicts(state(), event(action))
    assert (judged.verdict, judged.goes) == (Verdict.ORPHAN, False)
    assert judged.hint
    (judged,) = verdicts(state(("Created", {}), ("Deleted", {})), event(action))
    assert judged.verdict == Verdict.ORPHAN


def test_an_aggregate_that_no_type_creates_may_begin_with_any_action_but_deleted():
    assert creates("Updated", "ServiceSpec", frozenset({"Role"}))
    assert not creates("Updated", "Role", frozenset({"Role"}))
    assert not creates("Deleted", "ServiceSpec", frozenset({"Role"}))


def test_lock_unlock_lock_stays_three_events():
    target = state(("Created", {"email": "a@b"}))
    events = [event("Locked", email="a@b"), event("Unlocked", email="a@b"), event("Locked", email="a@b")]
    assert [each.verdict for each in verdicts(target, *events)] == ["changed"] * 3
    twice = verdicts(state(("Created", {"email": "a@b"})), events[0], events[2])
    assert [each.verdict for each in twice] == ["changed", "same"]


def test_somebody_elses_change_after_the_last_promotion_is_a_conflict():
    target = state(("Created", {"desc": "a"}), ("Updated", {"desc": "theirs"}), promoted=[0])
    (judged,) = verdicts(target, event("Updated", desc="ours"))
    assert (judged.verdict, judged.goes, judged.at) == (Verdict.CONFLICT, False, "0:1")
    assert "0:1" in judged.problem


def test_somebody_elses_change_before_the_last_promotion_is_none():
    target = state(("Created", {"desc": "a"}), ("Updated", {"desc": "b"}), promoted=[1])
    assert verdicts(target, event("Updated", desc="ours"))[0].verdict == Verdict.CHANGED


def test_what_somebody_else_deleted_is_a_conflict_and_no_orphan():
    target = state(("Created", {}), ("Deleted", {}), promoted=[0])
    assert verdicts(target, event("Updated", desc="ours"))[0].verdict == Verdict.CONFLICT


def test_what_was_never_promoted_is_nobodys_conflict():
    assert verdicts(state(("Created", {"desc": "a"})), event(desc="b"))[0].verdict == Verdict.CHANGED


def test_a_forced_conflict_goes_out_and_settles_it_for_what_follows():
    target = state(("Created", {"desc": "a"}), ("Updated", {"desc": "theirs"}), promoted=[0])
    judge = Judge(target, "sit")
    first = judge.judge(event("Updated", desc="ours"), frozenset({Verdict.CONFLICT}))
    assert (first.verdict, first.goes, first.forced, first.problem) == (Verdict.CONFLICT, True, True, "")
    assert judge.judge(event("Updated", desc="again")).verdict == Verdict.CHANGED


def test_provenance_alone_makes_it_already_promoted_unless_it_says_something_else_now():
    target = state()
    target.copies.put(b"o", Copy((1, 0, 0), b"c", "2:5"))
    same, other, elsewhere = verdicts(target, event(), event(content=b"d"), event(origin=b"p"))
    assert (same.verdict, same.goes, same.at) == (Verdict.ALREADY_PROMOTED, False, "2:5")
    assert other.verdict == Verdict.NEW
    assert elsewhere.verdict == Verdict.SAME  # as the one before it made it


def test_events_without_an_identity_are_judged_alone():
    assert [v.verdict for v in verdicts(state(), event(identity=None), event("Deleted", identity=None))] == ["new"] * 2


EVENTS = st.lists(
    st.builds(
        lambda action, tree, n: event(action, Identity("Role", (str(n),)), **tree),
        st.sampled_from(["Created", "Updated", "Deleted", "Locked", "Unlocked"]),
        st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 2)),
        st.integers(0, 1),
    ),
    max_size=12,
)


@given(EVENTS)
def test_sending_what_goes_and_judging_again_finds_nothing_new(events):
    """What a plan sends leaves the target so that the same events, one by one in that state, are never orphans."""
    judge = Judge(TargetState(), "sit")
    judged = [judge.judge(each) for each in events]
    alive: set[tuple[str, ...]] = set()
    for each, said in zip(events, judged, strict=True):
        assert said.goes == (said.verdict in (Verdict.NEW, Verdict.CHANGED))
        assert (said.verdict == Verdict.ORPHAN) == (each.identity.values not in alive and each.action != "Created")
        if said.goes:
            alive.discard(each.identity.values) if each.action == "Deleted" else alive.add(each.identity.values)


@given(EVENTS, EVENTS)
def test_what_lies_in_a_file_is_judged_as_what_lies_in_memory(there, events):
    def said(**parts):
        target = TargetState(**parts)
        for place, each in enumerate(there):
            found = target.fold.add(each.identity.digest, each.action, each.tree, (place, 0, place))
            note_author(found, (place, 0, place), f"0:{place}", promoted=bool(place % 2), derived=False)
            target.copies.put(bytes([place]) * 16, Copy((place, 0, place), bytes([place]), f"0:{place}"))
        judge = Judge(target, "sit")
        return [
            judge.judge(each._replace(origin=bytes([number]) * 16, content=bytes([number // 2])))
            for number, each in enumerate(events)
        ]

    assert said() == said(fold=Fold(-1), copies=Shelf(tuple, Copy._make, -1))
