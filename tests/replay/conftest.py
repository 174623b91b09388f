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

    return stage.environment("sit", clusters["sit"], partitions=3)


@pytest.fixture
def source(dev):
    from tests.replay import stage

    return stage.Source(dev)


@pytest.fixture
def replay() -> Replaying:
    """Ask for a replay as the release manager and run it here; return the job as it ended."""
    from promotion.actions.replay_start import request_replay
    from promotion.domain.plan_choices import PlanChoices
    from tests import cast
    from tests.replay.running import run_job

    def run(promotion, **choices):
        wanted = PlanChoices.from_json(choices)
        return run_job(request_replay(cast.user("manager"), promotion, choices=wanted))

    return run


@pytest.fixture
def planned() -> Callable[..., object]:
    """Ask for a plan as the release manager and make it here; return it."""
    from promotion.actions.plan import request_plan
    from promotion.domain.plan_choices import PlanChoices
    from promotion.models import Plan
    from tests import cast
    from tests.replay.running import run_job

    def run(promotion, **choices):
        job = run_job(request_plan(cast.user("manager"), promotion, PlanChoices.from_json(choices)))
        assert (job.state, job.error) == ("succeeded", "")
        return Plan.objects.of(promotion)

    return run
