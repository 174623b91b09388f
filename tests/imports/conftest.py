from tests.replay.conftest import dev, planned, replay, sit, source

__all__ = ["dev", "planned", "replay", "sit", "source"]
