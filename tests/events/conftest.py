# Named on the command line, this module is read before Django is set up: imports of models stand inside the fixtures.
from typing import Any

import pytest


@pytest.fixture
def promotion(db: None) -> Any:
    """An exported promotion with ten events."""
    from tests.events import stage

    return stage.promotion(10)


@pytest.fixture
def manager(db: None) -> Any:
    from tests import cast

    return cast.user("manager")


@pytest.fixture
def browser(client: Any, manager: Any) -> Any:
    """The release manager, logged in."""
    client.force_login(manager)
    return client
