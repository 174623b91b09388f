import pytest

from promotion.actions.verify import SAID
from promotion.models import AuditEntry
from promotion.states import JobKind, RevisionKind
from promotion.templatetags.verbs import ASKED, DONE, said

OF_PROMOTIONS = [kind.label.lower() for kind in JobKind if kind != JobKind.CHECK_ENVIRONMENT]


def test_every_verb_that_follows_from_a_kind_or_a_verdict_has_words() -> None:
    assert set(ASKED) == set(OF_PROMOTIONS)
    assert {f"cancel {kind}" for kind in OF_PROMOTIONS} <= set(DONE)
    assert {kind.label.lower() for kind in RevisionKind} | set(SAID.values()) <= set(DONE)


@pytest.mark.parametrize(
    ("verb", "after", "words"),
    [
        ("export", {"job": "1"}, "started the export"),
        ("plan", {"job": "1"}, "asked for a plan"),
        ("plan", {"digest": "x"}, "planned"),
        ("cancel export", {"job": "1"}, "cancelled the export"),
        ("edited", None, "edited an event"),
        ("a verb of tomorrow", None, "a verb of tomorrow"),
    ],
)
def test_an_entry_says_what_was_done_in_the_past_tense(verb: str, after: dict[str, str] | None, words: str) -> None:
    assert said(AuditEntry(verb=verb, after=after)) == words
