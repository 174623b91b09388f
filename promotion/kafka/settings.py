"""The client's settings, built from a typed allow-list.

librdkafka's properties are code: `plugin.library.paths` and `ssl.engine.location` load native libraries, every
`*.location` and `*.file` reads a file, `sasl.kerberos.kinit.cmd` is a shell line, OAuth URLs reach inside the network.
So there is no way in for a property that is not written down here, and certificates come as PEM text, never as a path.
"""

import re
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from promotion.domain.connection import KafkaConnection, Security
from promotion.errors import InvalidInput

Settings = dict[str, str | int | bool]

CLIENT_ID = "promotion-console"
MAX_SERVERS = 20
MAX_TEXT = 512
MAX_PEM = 256 * 1024

# Short enough that a page or a worker hears of a dead cluster within seconds; librdkafka's own are 30 and 60 s. The
# first pause before a connection is tried again (it doubles up to the longest) is also waited for by each new client,
# between its connection to a bootstrap server and the one to the broker behind it: with 250 ms the first answer takes
# 130 ms, with librdkafka's own 100 ms 53, with 10 ms 14.
TIMEOUTS: Settings = {
    "socket.connection.setup.timeout.ms": 5_000,
    "socket.timeout.ms": 20_000,
    "reconnect.backoff.ms": 10,
    "reconnect.backoff.max.ms": 2_000,
}
QUIET: Settings = {
    "client.id": CLIENT_ID,
    "log.connection.close": False,
    "enable.metrics.push": False,
    "socket.keepalive.enable": True,
}

_MECHANISMS = {
    Security.SASL_PLAIN: "PLAIN",
    Security.SASL_SCRAM_256: "SCRAM-SHA-256",
    Security.SASL_SCRAM_512: "SCRAM-SHA-512",
}
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])")
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n[A-Za-z0-9+/=:,\-\r\n ]+?-----END \1-----")


def client_settings(connection: KafkaConnection) -> Settings:
    """Return librdkafka's properties for `connection`, and no others than those named in this module.

    Raises InvalidInput for a malformed server list, a missing or odd credential or text that is not PEM. The error
    names the field and never holds its value where that is a secret.
    """
    settings: Settings = {"bootstrap.servers": bootstrap_servers(connection.bootstrap_servers), **QUIET, **TIMEOUTS}
    sasl = connection.security in _MECHANISMS
    tls = connection.security in (Security.TLS, Security.MUTUAL_TLS) or (sasl and connection.sasl_tls)
    protocol = ("SASL_SSL" if tls else "SASL_PLAINTEXT") if sasl else ("SSL" if tls else "PLAINTEXT")
    settings["security.protocol"] = protocol.lower()
    if sasl:
        settings["sasl.mechanism"] = _MECHANISMS[connection.security]
        settings["sasl.username"] = _credential("username", connection.username)
        settings["sasl.password"] = _credential("password", connection.password)
    if tls and connection.ca_pem:
        settings["ssl.ca.pem"] = certificates_pem("CA certificate", connection.ca_pem)
    if connection.security is Security.MUTUAL_TLS:
        settings.update(_client_certificate(connection))
    return settings


def secrets_of(connection: KafkaConnection) -> tuple[str, ...]:
    """Return what must never be shown of `connection`."""
    return tuple(s for s in (connection.password, connection.key_password, connection.key_pem) if s)


def bootstrap_servers(text: str) -> str:
    """Return the servers of `text` as `host:port,host:port`, or raise InvalidInput naming the first bad one."""
    servers = [part.strip() for part in text.split(",")] if len(text) <= 10_000 else []
    if not 1 <= len(servers) <= MAX_SERVERS:
        raise InvalidInput(f"The bootstrap servers must be 1 to {MAX_SERVERS} addresses.", "Write host:port,host:port.")
    for server in servers:
        host, _, port = server.rpartition(":")
        if not (_HOST.fullmatch(host) and re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
            raise InvalidInput(
                f"The bootstrap server “{_shown(server)}” is not host:port.", "Write host:port,host:port."
            )
    return ",".join(servers)


def topic_name(topic: str) -> str:
    """Return `topic` where it is a name that Kafka allows, else raise InvalidInput."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic) or topic in (".", ".."):
        raise InvalidInput(
            f"“{_shown(topic)}” is not a topic's name.",
            "Use 1 to 249 letters, digits, dots, underscores and hyphens.",
        )
    return topic


def _shown(text: str) -> str:
    """Return what was typed as a page or a log may show it: a space is a space, a control character is none."""
    shown = "".join(each if each.isprintable() else "?" for each in text[:80])
    return shown if len(text) <= 80 else f"{shown}…"


def certificates_pem(name: str, text: str) -> str:
    """Return the PEM certificates in `text` without anything between them; InvalidInput where there is none."""
    pem = _pem(name, text, lambda label: label == "CERTIFICATE")
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise InvalidInput(f"The {name} cannot be read.", "Paste the PEM text as the authority issued it.") from None
    return pem


def _client_certificate(connection: KafkaConnection) -> Settings:
    settings: Settings = {
        "ssl.certificate.pem": certificates_pem("client certificate", connection.certificate_pem),
        "ssl.key.pem": _pem("client key", connection.key_pem, lambda label: label.endswith("PRIVATE KEY")),
    }
    password = connection.key_password
    if password:
        settings["ssl.key.password"] = _credential("key password", password)
    try:
        load_pem_private_key(str(settings["ssl.key.pem"]).encode(), password.encode() or None)
    except (ValueError, TypeError):
        raise InvalidInput("The client key cannot be read.", "Check the PEM text and the key's password.") from None
    return settings


def _pem(name: str, text: str, wanted: Callable[[str], bool]) -> str:
    blocks = [m.group(0) for m in _PEM_BLOCK.finditer(text) if wanted(m.group(1))] if len(text) <= MAX_PEM else []
    if not blocks:
        raise InvalidInput(
            f"The {name} is not PEM text.", "Paste the text itself, from -----BEGIN to END-----; a path is not read."
        )
    return "\n".join(blocks) + "\n"


def _credential(name: str, value: str) -> str:
    if not value or len(value) > MAX_TEXT or any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise InvalidInput(f"The {name} is missing or holds characters that it may not.", f"Give the {name}.")
    return value
