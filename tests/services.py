"""The real services that the tests run on: a PostgreSQL and a Valkey of each run's own, Kafka on first use.

PROMOTION_TEST_SERVICES may name the JSON file of a running `make services`: its Kafka clusters and registries are used
then, by several runs at once if need be, because every test names its topics and subjects anew.
"""

import base64
import os
import shutil
import tempfile
import uuid
from pathlib import Path

from portal_admin.embedded.stack import Addresses, Cluster, Stack

PROJECT = Path(__file__).resolve().parents[1]
CLUSTERS = ("dev", "sit")


class Services:
    """What one run of the tests has started, lazily."""

    def __init__(self) -> None:
        self._stack = Stack(Path(tempfile.mkdtemp(prefix="promotion-tests-")), durable=False, usual_ports=False)
        self._running = False

    def configure(self) -> None:
        """Point the settings, and every process that the tests start, at this run's services. Starts nothing."""
        addresses = self._stack.open()
        os.environ.update(
            PROMOTION_PROFILE="test",
            SECRET_KEY="a key for tests alone, of fifty characters and a few more",
            PROMOTION_ENCRYPTION_KEYS=base64.urlsafe_b64encode(os.urandom(32)).decode(),
            DATABASE_URL=addresses.postgres_url,
            VALKEY_URL=addresses.valkey_url,
            DJANGO_SETTINGS_MODULE="portal_admin.settings",
        )

    def start(self) -> None:
        """Start PostgreSQL and Valkey, once."""
        if not self._running:
            before = self._stack.addresses
            if self._stack.start() != before:
                raise RuntimeError("A port was taken since it was chosen: run the tests again.")
            self._running = True

    def clusters(self) -> dict[str, Cluster]:
        """The Kafka clusters by name: those of a running `make services`, else our own."""
        shared = os.environ.get("PROMOTION_TEST_SERVICES")
        if shared:
            return Addresses.from_json(Path(shared).read_text()).clusters
        self.start()
        return self._stack.add_clusters(CLUSTERS).clusters

    def stop(self, *, keep_logs: bool) -> None:
        """End everything and forget it, but for the logs where somebody may want them: in `.local/test-logs`."""
        self._stack.stop()
        logs = self._stack.directory / "logs"
        if keep_logs and logs.is_dir():
            shutil.copytree(logs, PROJECT / ".local" / "test-logs", dirs_exist_ok=True)
        shutil.rmtree(self._stack.directory)


def unique(name: str) -> str:
    """`name` with a suffix that no other test has: for topics, subjects, groups and transactional ids."""
    return f"{name}-{uuid.uuid4().hex[:10]}"
