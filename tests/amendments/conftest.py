"""The tests of amendments use the stage of the replays: two environments on real clusters, and a source that produces.

Models are imported inside: pytest reads this file before Django is set up.
"""

from collections.abc import Callable

import pytest

from tests.replay.conftest import dev, planned, replay, sit, source

__all__ = ["dev", "planned", "replay", "sit", "source"]


@pytest.fixture
def replayed(source, dev, sit, replay) -> Callable[..., object]:
    """Produce roles on dev and replay them to sit: one of each name that is given."""
    from promotion.states import Approach
    from tests.plans.stage import happen, twin
    from tests.replay import stage

    def run(*roles: str, approach: str = Approach.ORIGINALS_FIRST):
        twin(source, sit)  # the types of all actions are decided
        for number, each in enumerate(roles):
            happen(source, "Created", each, f"{each} as dev has it", nonce=number + 1)
        source.produce()
        made = stage.exported(dev, sit)
        type(made).objects.filter(pk=made.pk).update(approach=approach)
        assert replay(made).state == "succeeded"
        made.refresh_from_db()
        return made

    return run


@pytest.fixture
def amend() -> Callable[..., object]:
    """Ask for amendments as the release manager and have a worker propose them; return their round."""
    from promotion.actions.amend import Asked, propose
    from tests import cast
    from tests.replay.running import run_job

    def run(promotion, events=(), things=(), action="Updated"):
        made, job = propose(cast.user("manager"), promotion, Asked([each.pk for each in events], things, action))
        job = run_job(job)
        assert (job.state, job.error, job.problems) == ("succeeded", "", [])
        made.refresh_from_db()
        return made

    return run
