"""What the tests of verification share: dev and sit on real clusters, and a replay of a few events."""

import pytest

from tests.replay.conftest import dev, replay, sit, source

__all__ = ["dev", "replay", "replayed", "sit", "source"]
EVENTS = 12


@pytest.fixture
def replayed(source, dev, sit, replay):
    """A promotion of EVENTS events, replayed and not verified yet."""
    from promotion.states import JobState
    from tests.replay.stage import exported

    source.many(EVENTS)
    source.produce()
    promotion = exported(dev, sit)
    job = replay(promotion)
    assert (job.state, job.problems) == (JobState.SUCCEEDED, [])
    promotion.refresh_from_db()
    return promotion
