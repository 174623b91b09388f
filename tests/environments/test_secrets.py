import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.actions.connect import kafka_connection, registry_connection
from promotion.actions.secrets import reseal, reveal, seal, unseal
from promotion.domain.secret import SECRETS, Secret, variable_name
from promotion.errors import InvalidInput
from promotion.models import Environment
from tests.environments.helpers import SENTINEL


def key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


secrets = st.dictionaries(
    st.sampled_from(list(SECRETS)),
    st.text(min_size=1).map(Secret)
    | st.from_regex(r"PROMOTION_SECRET_[A-Z]{1,9}", fullmatch=True).map(lambda v: Secret(variable=v)),
)


@given(secrets)
def test_secrets_come_back_as_they_were(kept):
    assert unseal(seal(kept), "dev") == kept


def test_what_is_stored_does_not_hold_the_secret():
    assert SENTINEL.encode() not in seal({"password": Secret(SENTINEL)})


def test_no_secrets_need_no_key(settings):
    settings.ENCRYPTION_KEYS = []
    assert seal({}) == b""
    assert unseal(b"", "dev") == {}
    plain = Environment(name="dev", bootstrap_servers="127.0.0.1:9092", registry_url="http://a")
    kafka, registry = kafka_connection(plain), registry_connection(plain)
    assert (kafka.bootstrap_servers, registry.url) == ("127.0.0.1:9092", "http://a")


def test_a_secret_without_a_key_is_refused_and_the_variable_is_named(settings):
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(InvalidInput, match="PROMOTION_ENCRYPTION_KEYS is not set"):
        seal({"password": Secret(SENTINEL)})


@pytest.mark.parametrize("bad", ["short", "ä" * 44, "=" * 44])
def test_a_malformed_key_is_a_clear_error_that_does_not_show_it(settings, bad):
    settings.ENCRYPTION_KEYS = [bad]
    with pytest.raises(InvalidInput, match="PROMOTION_ENCRYPTION_KEYS holds something") as caught:
        seal({"password": Secret(SENTINEL)})
    assert bad not in str(caught.value)


def test_an_older_key_still_decrypts_and_a_new_one_encrypts(settings):
    old, new = key(), key()
    settings.ENCRYPTION_KEYS = [old]
    blob = seal({"password": Secret(SENTINEL)})
    settings.ENCRYPTION_KEYS = [new, old]
    assert unseal(blob, "dev") == {"password": Secret(SENTINEL)}
    again = reseal(blob, "dev")
    settings.ENCRYPTION_KEYS = [new]
    assert unseal(again, "dev") == {"password": Secret(SENTINEL)}


def test_an_unknown_key_is_an_error_that_says_which_variable_to_look_at(settings):
    blob = seal({"password": Secret(SENTINEL)})
    settings.ENCRYPTION_KEYS = [key()]
    with pytest.raises(InvalidInput, match=r"The secrets of dev cannot be decrypted.*PROMOTION_ENCRYPTION_KEYS"):
        unseal(blob, "dev")


def test_a_secret_in_a_variable_is_read_when_it_is_needed(monkeypatch):
    kept = {"password": Secret(variable="PROMOTION_SECRET_DEV")}
    with pytest.raises(InvalidInput, match="PROMOTION_SECRET_DEV is not set; it holds the password of dev"):
        reveal(kept, "password", "dev")
    monkeypatch.setenv("PROMOTION_SECRET_DEV", SENTINEL)
    assert reveal(kept, "password", "dev") == SENTINEL


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "PROMOTION_SECRET_", "PROMOTION_SECRET_a", "PROMOTION_SECRET_A\n", "DATABASE_URL"]
)
def test_only_variables_for_secrets_are_taken(name):
    with pytest.raises(InvalidInput, match="PROMOTION_SECRET_"):
        variable_name(name)


def test_a_secret_typed_where_a_variable_belongs_is_not_repeated():
    with pytest.raises(InvalidInput) as caught:
        variable_name(SENTINEL)
    assert SENTINEL not in str(caught.value)


def test_connections_get_the_secrets_they_need_and_do_not_show_them():
    environment = Environment(
        name="sit",
        bootstrap_servers="broker:9093",
        security="sasl_scram_512",
        username="console",
        registry_url="https://registry",
        registry_auth="basic",
        registry_username="reader",
        secrets=seal(
            {"password": Secret(SENTINEL), "registry_password": Secret(SENTINEL), "key_pem": Secret("unused")}
        ),
    )
    kafka, registry = kafka_connection(environment), registry_connection(environment)
    assert (kafka.username, kafka.password, kafka.key_pem) == ("console", SENTINEL, "")
    assert (registry.username, registry.password, registry.token) == ("reader", SENTINEL, "")
    assert SENTINEL not in repr(kafka) + repr(registry) + repr(environment) + repr(Secret(SENTINEL))
