"""Worker processes for the commands that wait for them."""

from tests.jobs.conftest import start_worker

__all__ = ["start_worker"]
