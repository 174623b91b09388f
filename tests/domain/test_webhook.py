"""Webhooks' addresses, secrets and signatures."""

import base64

import pytest

from promotion.domain.webhook import new_secret, signature
from promotion.errors import InvalidInput


def test_the_signature_is_that_of_the_specifications_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: what its libraries are tested with."""
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    body = b'{"test": 2432232314}'
    assert signature(secret, message, 1614265330, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_new_each_time_and_has_the_length_that_is_asked_for() -> None:
    assert new_secret() != new_secret()
    prefix, _, text = new_secret().partition("_")
    assert (prefix, len(base64.b64decode(text, validate=True))) == ("whsec", 32)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_*", "whsec_abc"])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(InvalidInput):
        signature(secret, "1", 1, b"")
