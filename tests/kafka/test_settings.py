from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from promotion.domain.connection import KafkaConnection, Security
from promotion.errors import InvalidInput
from promotion.kafka.settings import bootstrap_servers, client_settings, topic_name

ALLOWED = {
    "bootstrap.servers", "client.id", "log.connection.close", "enable.metrics.push", "socket.keepalive.enable",
    "socket.connection.setup.timeout.ms", "socket.timeout.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms",
    "security.protocol", "sasl.mechanism", "sasl.username", "sasl.password",
    "ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "ssl.key.password",
}  # fmt: skip


def issue(password: str = "") -> tuple[str, str]:
    """A self-signed certificate and its key as PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


@pytest.mark.parametrize("security", list(Security))
@pytest.mark.parametrize("tls", [True, False])
def test_only_properties_of_the_allow_list_come_out(security: Security, tls: bool) -> None:
    certificate, key = issue("key-secret")
    connection = KafkaConnection("a:1", security, tls, "alice", "secret", certificate, certificate, key, "key-secret")
    settings = client_settings(connection)
    assert set(settings) <= ALLOWED
    sasl = security in (Security.SASL_PLAIN, Security.SASL_SCRAM_256, Security.SASL_SCRAM_512)
    expected = {(True, True): "sasl_ssl", (True, False): "sasl_plaintext"}.get((sasl, tls))
    plain = "plaintext" if security is Security.PLAINTEXT else "ssl"
    assert settings["security.protocol"] == (expected or plain)


@given(st.text(max_size=60))
def test_no_text_as_servers_yields_anything_but_host_and_port(text: str) -> None:
    try:
        accepted = bootstrap_servers(text)
    except InvalidInput:
        return
    for server in accepted.split(","):
        host, port = server.rsplit(":", 1)
        assert host
        assert set(host) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-[]:")
        assert 1 <= int(port) <= 65535


@pytest.mark.parametrize("text", ["", ",", "a", "a:0", "a:70000", "PLAINTEXT://a:1", "a:1;b:2", "a b:1", "a:1,", "-:1"])
def test_malformed_servers_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="bootstrap server"):
        bootstrap_servers(text)


def test_several_servers_and_an_ipv6_address_are_accepted() -> None:
    assert bootstrap_servers("a.example.org:9092, [::1]:9093,k_1:1") == "a.example.org:9092,[::1]:9093,k_1:1"


@pytest.mark.parametrize(
    "text", ["/etc/ssl/ca.pem", "file:///etc/passwd", "x" * 300_000, "-----BEGIN CERTIFICATE-----"]
)
def test_a_path_is_no_certificate(text: str) -> None:
    with pytest.raises(InvalidInput, match="not PEM text"):
        client_settings(KafkaConnection("a:1", Security.TLS, ca_pem=text))


def test_text_around_the_certificates_is_left_out() -> None:
    certificate, key = issue()
    settings = client_settings(
        KafkaConnection("a:1", Security.TLS, ca_pem=f"/etc/passwd\n{certificate}subject=x\n{key}")
    )
    assert settings["ssl.ca.pem"] == certificate


def test_a_damaged_certificate_is_refused() -> None:
    certificate, _ = issue()
    with pytest.raises(InvalidInput, match="cannot be read"):
        client_settings(KafkaConnection("a:1", Security.TLS, ca_pem=certificate.replace("M", "A")))


def test_a_wrong_key_password_is_refused_without_being_said() -> None:
    certificate, key = issue("key-secret")
    connection = KafkaConnection(
        "a:1", Security.MUTUAL_TLS, certificate_pem=certificate, key_pem=key, key_password="other-secret"
    )
    with pytest.raises(InvalidInput) as caught:
        client_settings(connection)
    assert "other-secret" not in str(caught.value)
    with pytest.raises(InvalidInput):
        client_settings(replace(connection, key_password=""))


def test_a_refused_password_is_not_in_the_error_nor_in_a_repr() -> None:
    connection = KafkaConnection("a:1", Security.SASL_PLAIN, username="alice", password="top\nsecret")
    with pytest.raises(InvalidInput) as caught:
        client_settings(connection)
    assert "secret" not in str(caught.value) + repr(connection)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ä", "a" * 250])
def test_what_is_not_a_topics_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        topic_name(name)
