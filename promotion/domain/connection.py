"""How to reach a cluster and its registry: typed values, so that no free-form client property exists.

librdkafka's properties are code (a plug-in path loads a library, a `*.location` reads a file), so only what is named
here ever becomes one; see promotion/kafka/settings.py. Secrets are kept out of `repr`.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Security(StrEnum):
    """What protects the connection to the brokers."""

    PLAINTEXT = "plaintext"
    TLS = "tls"
    MUTUAL_TLS = "mutual_tls"
    SASL_PLAIN = "sasl_plain"
    SASL_SCRAM_256 = "sasl_scram_256"
    SASL_SCRAM_512 = "sasl_scram_512"


class RegistryAuth(StrEnum):
    """How the registry is told who asks."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class SubjectStrategy(StrEnum):
    """How a schema's subject is named; `record` is Light Portal's own."""

    RECORD = "record"
    TOPIC = "topic"
    TOPIC_RECORD = "topic_record"


@dataclass(frozen=True)
class KafkaConnection:
    """A cluster's address. `sasl_tls` says whether a SASL connection is inside TLS (SASL_SSL) or not."""

    bootstrap_servers: str
    security: Security = Security.PLAINTEXT
    sasl_tls: bool = True
    username: str = ""
    password: str = field(default="", repr=False)
    ca_pem: str = ""
    certificate_pem: str = ""
    key_pem: str = field(default="", repr=False)
    key_password: str = field(default="", repr=False)


@dataclass(frozen=True)
class RegistryConnection:
    """A schema registry's address; `url` is what the Confluent-compatible paths (`/subjects` ...) are appended to."""

    url: str
    auth: RegistryAuth = RegistryAuth.NONE
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_pem: str = ""


def subject(strategy: SubjectStrategy, topic: str, full_name: str) -> str:
    """Return the subject of a value schema `full_name` on `topic` (Confluent's three naming strategies)."""
    match strategy:
        case SubjectStrategy.RECORD:
            return full_name
        case SubjectStrategy.TOPIC:
            return f"{topic}-value"
        case SubjectStrategy.TOPIC_RECORD:
            return f"{topic}-{full_name}"
