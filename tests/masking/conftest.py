# Read before Django is set up: imports of models stand inside the fixtures.
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def one_connection(settings: Any) -> None:
    # The thread that renews a job's lease has a connection of its own, which does not see the test's transaction.
    settings.LEASE_SECONDS = 3600


@pytest.fixture(autouse=True)
def no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for stays in the database, until a test does it."""
    from promotion import jobs

    monkeypatch.setattr(jobs, "_enqueue", lambda job: None)


@pytest.fixture
def promotion(db: None) -> Any:
    """An exported promotion of one user with secrets."""
    from tests.masking import stage

    return stage.promotion()
