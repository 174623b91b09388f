"""Make connections from environments: the one place where an environment's secrets are read."""

from __future__ import annotations

from promotion.actions.secrets import reveal, unseal
from promotion.domain.connection import KafkaConnection, RegistryAuth, RegistryConnection, Security
from promotion.models import Environment


def kafka_connection(environment: Environment) -> KafkaConnection:
    """Return how to reach the environment's cluster; only the secrets that its security needs are decrypted.

    Raises InvalidInput where a secret cannot be decrypted, or names a variable that is not set.
    """
    security = Security(environment.security)
    mutual = security is Security.MUTUAL_TLS
    sasl = security not in {Security.PLAINTEXT, Security.TLS, Security.MUTUAL_TLS}
    secrets = unseal(environment.secrets, environment.name) if sasl or mutual else {}
    return KafkaConnection(
        bootstrap_servers=environment.bootstrap_servers,
        security=security,
        sasl_tls=environment.sasl_tls,
        username=environment.username if sasl else "",
        password=reveal(secrets, "password", environment.name) if sasl else "",
        ca_pem=environment.ca_pem,
        certificate_pem=environment.certificate_pem if mutual else "",
        key_pem=reveal(secrets, "key_pem", environment.name) if mutual else "",
        key_password=reveal(secrets, "key_password", environment.name) if mutual else "",
    )


def registry_connection(environment: Environment) -> RegistryConnection:
    """Return how to reach the environment's schema registry. Raises as `kafka_connection` does."""
    auth = RegistryAuth(environment.registry_auth)
    basic, bearer = auth is RegistryAuth.BASIC, auth is RegistryAuth.BEARER
    secrets = unseal(environment.secrets, environment.name) if basic or bearer else {}
    return RegistryConnection(
        url=environment.registry_url,
        auth=auth,
        username=environment.registry_username if basic else "",
        password=reveal(secrets, "registry_password", environment.name) if basic else "",
        token=reveal(secrets, "registry_token", environment.name) if bearer else "",
        ca_pem=environment.registry_ca_pem,
    )
