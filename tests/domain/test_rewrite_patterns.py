"""Regular expressions of people: RE2, bounded, and right on every text."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.rewrite.pattern import MAX_TEXT, InvalidPattern, Pattern, Template, TooMuchText
from tests.domain.strategies import TEXTS


def replaced(pattern, template, text):
    made = Pattern(pattern)
    return made.replaced(text, Template(template, made.groups))


@given(st.sampled_from(["a", "a+", "(a)(b)?", "[^a]", "x*", "(?:)", "ä|é", "^a", ".", "(?i)A|B"]),
       st.sampled_from([("", ""), ("x", "x"), (r"<\0>", r"<\g<0>>"), (r"\\", r"\\"), ("äé", "äé")]),
       TEXTS | st.text("abäé\n", max_size=20))  # fmt: skip
def test_replacing_does_what_pythons_own_does(pattern, template, text):
    ours, theirs = template
    assert replaced(pattern, ours, text) == re.sub(pattern, theirs, text)


def test_groups_are_filled_in_and_those_that_took_no_part_are_empty():
    assert replaced(r"(\w+)@(\w+)\.dev(x)?", r"\2:\1\3", "ann@host.dev, bob@other.dev") == "host:ann, other:bob"


def test_a_pattern_that_matches_nothing_at_all_cuts_no_character_in_two():
    assert replaced("x*", "-", "äxé") == "-ä--é-"
    assert replaced("$", "!", "ä") == "ä!"


@pytest.mark.parametrize(
    ("pattern", "says"),
    [("", "1 to"), ("a" * 1_001, "1 to"), ("(", "RE2"), ("a**", "RE2"), (r"(a)\1", "RE2"), ("(?=a)", "RE2"),
     (r"a\C", "single bytes"), ("((a{100}){100}){100}", "RE2"), (r"[a-z]{1,1000}[0-9]{1,200}", "too large"),
     ("\ud800", "surrogate")],
)  # fmt: skip
def test_a_pattern_that_cannot_be_used_is_refused(pattern, says):
    with pytest.raises(InvalidPattern, match=says):
        Pattern(pattern)


@pytest.mark.parametrize("template", [r"\2", r"\x", "\\", "\ud800", "x" * 10_001])
def test_a_replacement_that_cannot_be_used_is_refused(template):
    with pytest.raises(InvalidPattern):
        Template(template, 1)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+$", "a" * 200_000 + "b"), ("(x+x+)+y", "x" * 250_000), ("(.*)*z", "ab" * 100_000),
     ("(a|a)*b", "a" * 250_000), ("a(.*b)?", "a" * 250_000), ("(a?){30}a{30}", "a" * 200_000)],
)  # fmt: skip
def test_hostile_patterns_and_texts_end_quickly(pattern, text):
    start = time.process_time()
    made = Pattern(pattern)
    made.found_in(text)
    with suppress(TooMuchText):
        made.replaced(text, Template("<>", made.groups))
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("pattern", "template", "text"),
    [("b", "b", "a" * (MAX_TEXT + 1)), ("a", "a", "a" * 10_001), ("a", "x" * 10_000, "a" * 200)],
)
def test_a_result_beyond_the_bounds_is_refused(pattern, template, text):
    with pytest.raises(TooMuchText):
        replaced(pattern, template, text)
