"""The tests of plans use the stage of the replays: two environments on real clusters, and a source that produces."""

from tests.replay.conftest import dev, planned, replay, sit, source

__all__ = ["dev", "planned", "replay", "sit", "source"]
