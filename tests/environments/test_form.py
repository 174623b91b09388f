import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from promotion.domain.secret import Secret
from promotion.forms.environments import GIVE_AGAIN, EnvironmentForm
from promotion.models import Environment
from tests.environments.helpers import SENTINEL

pytestmark = pytest.mark.django_db


@pytest.fixture
def posted():
    def make(**changes):
        data = {
            "name": "dev",
            "order": 10,
            "color": "blue",
            "bootstrap_servers": "broker:9092",
            "topic": "portal-event",
            "security": "plaintext",
            "registry_url": "http://registry:8081",
            "registry_auth": "none",
            "tenancy": "multi",
            "subject_strategy": "record",
            "consumers_read": "committed",
        }
        return data | changes

    return make


@pytest.fixture(scope="module")
def pair():
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "console")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), 1, now, now + datetime.timedelta(days=1))
        .sign(private, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    encryption = serialization.BestAvailableEncryption(SENTINEL.encode())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()
    return certificate, pem


def test_a_host_without_a_dot_is_a_host(posted):
    form = EnvironmentForm(posted())
    assert form.is_valid(), form.errors
    assert form.secrets == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Dev"),
        ("name", "new"),
        ("bootstrap_servers", "broker"),
        ("bootstrap_servers", "broker:0"),
        ("bootstrap_servers", "a:1, b"),
        ("topic", "portal event"),
        ("topic", ".."),
        ("registry_url", "ftp://registry"),
        ("registry_url", "http://user:secret@registry"),
        ("ca_pem", "/etc/ssl/ca.pem"),
        ("registry_ca_pem", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"),
        ("security", "kerberos"),
        ("color", "pink"),
        ("approvers", "0"),
        ("approvers", "10"),
        ("approvers", "two"),
        ("password_env", "SECRET_KEY"),
    ],
)
def test_each_error_is_at_its_field(posted, field, value):
    assert list(EnvironmentForm(posted(**{field: value})).errors) == [field]


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ({"security": "sasl_plain"}, {"username", "password"}),
        ({"security": "mutual_tls"}, {"certificate_pem", "key_pem"}),
        ({"registry_auth": "basic"}, {"registry_username", "registry_password"}),
        ({"registry_auth": "bearer"}, {"registry_token"}),
        ({"registry_auth": "basic", "registry_username": "a:b", "registry_password": "x"}, {"registry_username"}),
        ({"password": SENTINEL, "password_env": "PROMOTION_SECRET_A"}, {"password_env"}),
    ],
)
def test_what_belongs_together_is_asked_for_at_its_field(posted, choice, fields):
    assert set(EnvironmentForm(posted(**choice)).errors) == fields


def test_mutual_tls_takes_certificate_key_and_password(posted, pair):
    certificate, private = pair
    data = posted(security="mutual_tls", certificate_pem=certificate, key_pem=private, key_password=SENTINEL)
    form = EnvironmentForm(data)
    assert form.is_valid(), form.errors
    assert form.secrets == {"key_pem": Secret(private), "key_password": Secret(SENTINEL)}
    wrong = EnvironmentForm(data | {"key_password": "wrong"})
    assert set(wrong.errors) == {"key_pem"}


def test_the_number_of_approvers_stays_where_none_is_given(posted):
    for data, number in ((posted(), 3), (posted(approvers=""), 3), (posted(approvers="2"), 2)):
        form = EnvironmentForm(data, instance=Environment(**posted(approvers=3)))
        assert form.is_valid(), form.errors
        assert form.settings["approvers"] == number


def test_no_secret_comes_back_in_the_html(posted):
    data = posted(security="sasl_plain", topic="?", password=SENTINEL, key_pem=SENTINEL, registry_token=SENTINEL)
    html = EnvironmentForm(data, stored={"key_password": Secret(SENTINEL)}).as_div()
    assert "is not a topic" in html
    assert SENTINEL not in html


def stored(posted, **changes):
    data = posted(security="sasl_plain", username="console", registry_auth="bearer")
    kept = {"password": Secret(SENTINEL), "registry_token": Secret(SENTINEL)}
    instance = Environment(**{name: data[name] for name in data})
    return EnvironmentForm({**data, **changes}, instance=instance, stored=kept)


def test_a_blank_secret_keeps_the_old_one(posted):
    form = stored(posted)
    assert form.is_valid(), form.errors
    assert form.secrets == {"password": Secret(SENTINEL), "registry_token": Secret(SENTINEL)}


def test_a_secret_is_removed_only_on_request(posted):
    form = stored(posted, security="plaintext", password_clear="on")
    assert form.is_valid(), form.errors
    assert set(form.secrets) == {"registry_token"}


def test_a_typed_secret_replaces_the_old_one_and_a_variable_does_too(posted):
    form = stored(posted, password="new", registry_token_env="PROMOTION_SECRET_TOKEN")
    assert form.is_valid(), form.errors
    assert form.secrets == {"password": Secret("new"), "registry_token": Secret(variable="PROMOTION_SECRET_TOKEN")}


@pytest.mark.parametrize(
    ("field", "address", "secret"),
    [("bootstrap_servers", "broker:9092,thief:9092", "password"), ("registry_url", "http://thief", "registry_token")],
)
def test_a_stored_secret_is_not_sent_to_another_address(posted, field, address, secret):
    form = stored(posted, **{field: address})
    assert form.errors == {secret: [GIVE_AGAIN]}
    assert stored(posted, **{field: address, secret: "given again"}).is_valid()


def test_fewer_brokers_of_the_same_list_need_no_password_again(posted):
    data = posted(security="sasl_plain", username="console")
    instance = Environment(**data | {"bootstrap_servers": "a:1,b:2"})
    form = EnvironmentForm(data | {"bootstrap_servers": "b:2"}, instance=instance, stored={"password": Secret("x")})
    assert form.is_valid(), form.errors


def test_a_form_opened_before_somebody_elses_change_is_told_and_keeps_what_was_typed(posted):
    form = EnvironmentForm(posted(topic="typed", version="1"), version=2)
    assert not form.is_valid()
    assert form.conflict
    assert form["topic"].value() == "typed"
    assert form["version"].value() == "2"
    assert EnvironmentForm(dict(form.data), version=2).is_valid()
