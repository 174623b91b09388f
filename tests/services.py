"""The real services that the tests run on: PostgreSQL and Valkey of each run's own, Kafka on first use.

Workers that run tests at the same time (pytest-xdist) share them, and ask the process that started the workers for
them: it starts what is asked for first, and ends it. A worker has a database and two of Valkey's databases of its own.
Kafka's clusters and the registries need no such borders, because every test names its topics and subjects anew.

PROMOTION_TEST_SERVICES may name the JSON file of a running `make services`: its Kafka clusters and registries are used
then, by several runs at once if need be.
"""

import base64
import os
import shutil
import tempfile
import threading
import uuid
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Protocol

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.stack import Addresses, Cluster, Stack

PROJECT = Path(__file__).resolve().parents[1]
CLUSTERS = ("dev", "sit")
#: Valkey has sixteen databases, and each worker two: its own and its console's. The first two are without a worker.
MOST_WORKERS = 7


class Services(Protocol):
    """What tests need to know of the services."""

    def start(self) -> None:
        """Start PostgreSQL and Valkey, once."""

    def clusters(self) -> dict[str, Cluster]:
        """The Kafka clusters by name: those of a running `make services`, else our own."""

    def stop(self, *, keep_logs: bool) -> None:
        """End what this process started."""


class OwnServices:
    """What one run of the tests has started, lazily."""

    def __init__(self) -> None:
        self._stack = Stack(Path(tempfile.mkdtemp(prefix="promotion-tests-")), durable=False, usual_ports=False)
        self._running = False
        self._clusters: dict[str, Cluster] = {}
        self._listener: Listener | None = None

    def configure(self) -> None:
        """Point the settings, and every process that the tests start, at this run's services. Starts nothing."""
        addresses = self._stack.open()
        os.environ.update(
            PROMOTION_PROFILE="test",
            SECRET_KEY="a key for tests alone, of fifty characters and a few more",
            PROMOTION_ENCRYPTION_KEYS=base64.urlsafe_b64encode(os.urandom(32)).decode(),
            DATABASE_URL=addresses.postgres_url,
            VALKEY_URL=addresses.valkey_url,
        )

    def start(self) -> None:
        if not self._running:
            before = self._stack.addresses
            if self._stack.start() != before:
                raise RuntimeError("A port was taken since it was chosen: run the tests again.")
            self._running = True

    def clusters(self) -> dict[str, Cluster]:
        shared = os.environ.get("PROMOTION_TEST_SERVICES")
        if shared:
            return Addresses.from_json(Path(shared).read_text()).clusters
        self.start()
        if not self._clusters:
            self._clusters = self._stack.add_clusters(CLUSTERS).clusters
        return self._clusters

    def share(self) -> str:
        """Answer workers from now on, one after the other. Returns where: a socket in a directory closed to others."""
        address = str(self._stack.directory / "workers")
        if not self._listener:
            self._listener = Listener(address, "AF_UNIX", backlog=2 * MOST_WORKERS)
            threading.Thread(target=self._answer, args=(self._listener,), name="services", daemon=True).start()
        return address

    def stop(self, *, keep_logs: bool) -> None:
        """End everything and forget it, but for the logs where somebody may want them: in `.local/test-logs`."""
        if self._listener:
            self._listener.close()
        self._stack.stop()
        logs = self._stack.directory / "logs"
        if keep_logs and logs.is_dir():
            shutil.copytree(logs, PROJECT / ".local" / "test-logs", dirs_exist_ok=True)
        shutil.rmtree(self._stack.directory, ignore_errors=True)  # interrupted, a start may be under way still

    def _answer(self, listener: Listener) -> None:
        while True:
            try:
                with listener.accept() as worker:
                    worker.send(self._provide(worker.recv()))
            except (EOFError, ConnectionError):  # the worker has ended meanwhile
                continue
            except OSError:  # the listener is closed
                return

    def _provide(self, what: str) -> tuple[dict[str, Cluster], str]:
        """Start it. Returns the clusters where they are wanted, and why it could not be started where it could not."""
        try:
            self.start()
            return self.clusters() if what == "clusters" else {}, ""
        except (EmbeddedError, RuntimeError) as error:
            return {}, str(error)


class WorkersServices:
    """The services as a worker sees them: it asks who started it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def configure(self, worker_id: str) -> None:
        """Have databases of its own; the rest of the environment is inherited. `worker_id`: "gw0", "gw1" ..."""
        number = int(worker_id.removeprefix("gw")) + 1
        if number > MOST_WORKERS:
            raise RuntimeError(f"Not more than {MOST_WORKERS} workers, replaced ones included, can share the services.")
        os.environ["DATABASE_URL"] += f"_{worker_id}"
        os.environ["VALKEY_URL"] = valkey_database(os.environ["VALKEY_URL"], 2 * number)

    def start(self) -> None:
        self._ask("start")

    def clusters(self) -> dict[str, Cluster]:
        return self._ask("clusters")

    def stop(self, *, keep_logs: bool) -> None:
        """Nothing is this worker's own."""

    def _ask(self, what: str) -> dict[str, Cluster]:
        with Client(self._address, "AF_UNIX") as controller:
            controller.send(what)
            clusters, problem = controller.recv()
        if problem:
            raise RuntimeError(problem)
        return clusters


def valkey_database(url: str, number: int) -> str:
    """The URL of another database of the same Valkey."""
    return f"{url.rpartition('/')[0]}/{number}"


def beside(url: str) -> str:
    """The URL of the second of the two Valkey databases that belong together."""
    return valkey_database(url, int(url.rpartition("/")[2]) + 1)


def unique(name: str) -> str:
    """`name` with a suffix that no other test has: for topics, subjects, groups and transactional ids."""
    return f"{name}-{uuid.uuid4().hex[:10]}"
