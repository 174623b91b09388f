from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def large(transactional_db: None, settings: Any) -> Iterator[Any]:
    """An exported promotion whose twelve events are many enough for a search index; its indexes do not outlive it."""
    from promotion.actions import search_index
    from tests.events import stage

    settings.SEARCH_INDEX_FROM = 10
    yield stage.promotion(12)
    settings.SEARCH_INDEX_FROM = 1_000_000
    search_index.keep()


@pytest.fixture
def browser(client: Any) -> Any:
    """The release manager, logged in."""
    from tests import cast

    client.force_login(cast.user("manager"))
    return client
