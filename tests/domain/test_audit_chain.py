"""The chain over the audit trail, computed: whatever is done to it is found, at the first place."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.audit_chain import NOTHING_BEFORE, Break, Fault, Head, Link, Walk, digest_of

#: Made of what separates fields as well, so that one might be taken for two.
TEXT = st.none() | st.text("01:,-", max_size=4) | st.text(max_size=5)
TEXTS = st.lists(TEXT, min_size=3, max_size=3)
CHAINS = st.lists(TEXTS, min_size=1, max_size=8)


def chain(entries: list[list[str | None]]) -> list[Link]:
    """Seal `entries` as the database does; the ids of the entries begin with 11."""
    links: list[Link] = []
    for number, texts in enumerate(entries, 1):
        before = links[-1].digest if links else NOTHING_BEFORE
        links.append(Link(number, digest_of(number, before, texts), 10 + number, texts))
    return links


def first_break(links: list[Link], head: Head | None = None) -> Break | None:
    return Walk(head).first_break(links)


def test_what_is_hashed_is_what_is_promised() -> None:
    promised = f"1:7,64:{NOTHING_BEFORE},2:ü,-,0:,3:a:b,"
    assert digest_of(7, NOTHING_BEFORE, ["ü", None, "", "a:b"]) == sha256(promised.encode()).hexdigest()


@given(CHAINS)
def test_what_nobody_touched_is_whole(entries: list[list[str | None]]) -> None:
    links = chain(entries)
    walk = Walk()
    assert walk.first_break(iter(links)) is None
    assert (walk.number, walk.digest) == (len(links), links[-1].digest)


@given(TEXTS, TEXTS)
def test_two_entries_never_have_the_same_digest(one: list[str | None], other: list[str | None]) -> None:
    assert (digest_of(1, NOTHING_BEFORE, one) == digest_of(1, NOTHING_BEFORE, other)) == (one == other)


@given(CHAINS, TEXTS, st.data())
def test_a_changed_entry_is_the_first_break(
    entries: list[list[str | None]], other: list[str | None], data: st.DataObject
) -> None:
    links = chain(entries)
    at = data.draw(st.integers(0, len(links) - 1))
    links[at] = Link(links[at].number, links[at].digest, links[at].entry, other)
    expected = None if other == entries[at] else Break(Fault.CHANGED, at + 1, at + 11)
    assert first_break(links) == expected


@given(CHAINS, st.data())
def test_a_seal_that_is_gone_is_the_first_break_but_at_the_end(
    entries: list[list[str | None]], data: st.DataObject
) -> None:
    links = chain(entries)
    at = data.draw(st.integers(0, len(links) - 1))
    gone = links.pop(at)
    at_the_end = at == len(links)
    assert first_break(links) == (None if at_the_end else Break(Fault.GAP, gone.number, None))
    assert first_break(links, Head(None, chain(entries)[-1].digest)) is not None


@given(CHAINS, TEXTS, st.data())
def test_what_is_slipped_in_is_the_first_break(
    entries: list[list[str | None]], other: list[str | None], data: st.DataObject
) -> None:
    links = chain(entries)
    at = data.draw(st.integers(0, len(links) - 1))
    behind = [Link(link.number + 1, link.digest, link.entry, link.texts) for link in links[at:]]
    slipped = Link(at + 1, "a" * 64, 99, other)
    assert first_break([*links[:at], slipped, *behind]) == Break(Fault.SLIPPED_IN, at + 1, 99)


@given(CHAINS, CHAINS, st.data())
def test_a_chain_made_anew_does_not_hold_the_head_of_the_other(
    entries: list[list[str | None]], others: list[list[str | None]], data: st.DataObject
) -> None:
    links, anew = chain(entries), chain(others)
    at = data.draw(st.integers(0, len(links) - 1))
    head = Head(data.draw(st.sampled_from([at + 1, None])), links[at].digest)
    assert first_break(links, head) is None
    holds = others[: at + 1] == entries[: at + 1]
    assert (first_break(anew, head) is None) == holds
