import pytest

from promotion.errors import InvalidInput
from promotion.kafka.failures import clean
from promotion.kafka.settings import bootstrap_servers, topic_name


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("no answer", "no answer"),
        ("a\nsecret\x00b", "a *** b"),
        ("0123456789 123456789", "0123456789 123456789"),
        ("0123456789 1234567 and more", "0123456789 1234567…"),
        ("0123456789 12345678 and", "0123456789 12345678…"),
        ("0123456789 123456789012", "0123456789…"),
        ("01 3456789012345678901", "01 3456789012345678…"),
        ("was cut already…", "was cut already…"),
    ],
)
def test_a_long_error_ends_at_a_word_with_an_ellipsis(text: str, cleaned: str) -> None:
    assert clean(text, ["secret"], limit=20) == cleaned
    assert len(cleaned) <= 20


def test_what_was_typed_is_quoted_as_it_was_typed_but_for_what_cannot_be_shown() -> None:
    with pytest.raises(InvalidInput, match=r"“a b é\?” is not a topic's name"):
        topic_name("a b é\u202e")
    with pytest.raises(InvalidInput, match="“a b:x” is not host:port"):
        bootstrap_servers("a b:x")
    with pytest.raises(InvalidInput, match=f"“{'x' * 80}…” is not"):
        topic_name("x" * 250)
