# Named on the command line, this module is read before Django is set up: imports of models stand inside the fixtures.
from collections.abc import Callable
from typing import Any

import pytest

from portal_admin.embedded.stack import Cluster


@pytest.fixture(scope="session")
def topic(clusters: dict[str, Cluster]) -> str:
    """A topic on dev that forgets nothing."""
    from promotion.domain.connection import KafkaConnection
    from promotion.kafka.cluster import create_topic
    from tests.services import unique

    name = unique("portal-event")
    create_topic(
        KafkaConnection(clusters["dev"].bootstrap_servers), name, 3, {"retention.ms": "-1", "cleanup.policy": "delete"}
    )
    return name


@pytest.fixture
def curator(db: None) -> Any:
    from tests import cast

    return cast.user("curator")


@pytest.fixture
def browser(client: Any, curator: Any) -> Any:
    """The curator, logged in."""
    client.force_login(curator)
    return client


@pytest.fixture
def posted(clusters: dict[str, Cluster], topic: str) -> Callable[..., dict[str, Any]]:
    """Makes what the form posts for an environment that works, changed by the arguments."""

    def make(**changes: Any) -> dict[str, Any]:
        return {
            "name": "dev",
            "order": 10,
            "color": "blue",
            "may_be_source": "on",
            "bootstrap_servers": clusters["dev"].bootstrap_servers,
            "topic": topic,
            "security": "plaintext",
            "registry_url": clusters["dev"].registry_url,
            "registry_auth": "none",
            "tenancy": "multi",
            "subject_strategy": "record",
            "consumers_read": "uncommitted",
            **changes,
        }

    return make
