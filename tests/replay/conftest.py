"""What the tests of replays share: dev and sit on real clusters, and a replay from request to end.

Models are imported inside: pytest reads this file before Django is set up.
"""

from collections.abc import Callable

import pytest

from portal_admin.embedded.stack import Cluster

Replaying = Callable[..., object]


@pytest.fixture
def dev(transactional_db, clusters: dict[str, Cluster]):
    from tests.replay import stage

    return stage.environment("dev", clusters["dev"])


@pytest.fixture
def sit(transactional_db, clusters: dict[str, Cluster]):
    from tests.replay import stage

    return stage.environment("sit", clusters["sit"], partitions=5)


@pytest.fixture
def source(dev):
    from tests.replay import stage

    return stage.Source(dev)


@pytest.fixture
def replay() -> Replaying:
    """Ask for a replay as the release manager and run it here; return the job as it ended."""
    from promotion.actions.replay import request_replay
    from tests import cast
    from tests.replay.running import run_job

    def run(promotion, **choices):
        return run_job(request_replay(cast.user("manager"), promotion, **choices))

    return run
