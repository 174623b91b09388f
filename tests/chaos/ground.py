"""Everything that a run needs as real processes: the services, the workers, the periodic process."""

from __future__ import annotations

import base64
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from portal_admin.embedded import children, secrets
from portal_admin.embedded.children import Child
from portal_admin.embedded.kafka import Detour, Kafka
from portal_admin.embedded.ports import LOOPBACK
from portal_admin.embedded.registry import Registry
from portal_admin.embedded.stack import Addresses, Cluster, Stack
from promotion.actions import failpoints
from tests.chaos.proxy import Proxy
from tests.jobs.processes import ROOT, alive, child_of

LEASE_SECONDS = 2
WORKERS = 2
MANAGE = (sys.executable, "-W", "ignore", str(ROOT / "manage.py"))


class Ground:
    """The services of one directory. The broker of the target, PostgreSQL and Valkey are always its own.

    `shared`: clusters `dev` and `sit` that run already; the first is the source then, of the second only the registry
    is used. `direct` is where the target's broker itself is, `sit` the way to it through `proxy`.
    """

    def __init__(self, directory: Path, shared: dict[str, Cluster] | None = None) -> None:
        self.directory = directory.resolve()
        self.failpoint = self.directory / "failpoint"
        self.taken = Path(f"{self.failpoint}{failpoints.TAKEN}")
        self.workers: list[Child] = []
        self.stack = Stack(self.directory, durable=False, usual_ports=False)
        self._shared = shared
        self._registry: Registry | None = None
        self._started = 0

    def start(self) -> None:
        """Start the services. Raises EmbeddedError. Afterwards the environment is that of the console."""
        addresses = self.stack.start([] if self._shared else ["dev"])
        self.postgres = self.stack.service("postgres")
        self.dev = (self._shared or addresses.clusters)["dev"]
        ports = {name: self.stack.choose_port(name) for name in ("kafka-sit", "controller", "detour", "proxy")}
        detour = Detour(ports["detour"], ports["proxy"])
        self.kafka = Kafka(
            "kafka-sit", self.directory / "sit" / "kafka", self.stack.log("kafka-sit"), ports["kafka-sit"],
            ports["controller"], detour,
        )  # fmt: skip
        self.kafka.start()
        self.proxy = Proxy(detour.advertised, detour.port)
        registry_url = self._shared["sit"].registry_url if self._shared else self._start_registry()
        self.sit = Cluster(f"{LOOPBACK}:{detour.advertised}", registry_url)
        self.direct = Cluster(self.kafka.address, registry_url)
        os.environ.update(self._environment(addresses))

    def start_console(self) -> None:
        """Start the periodic process and the workers."""
        for left in (self.failpoint, self.taken):
            left.unlink(missing_ok=True)
        self.periodic = self._start("periodic")
        self.workers = [self._start("worker") for _ in range(WORKERS)]

    def mend(self) -> list[str]:
        """Start anew what has ended; return the names of what ended although nobody killed it."""
        ended = [worker for worker in self.workers if not worker.is_alive()]
        for worker in ended:
            self.workers.remove(worker)
            self.workers.append(self._start("worker"))
        gone = [worker.name for worker in ended if worker.process.returncode != -signal.SIGKILL]
        if not self.periodic.is_alive():
            gone.append("periodic")
            self.periodic = self._start("periodic")
        return gone

    def busy(self) -> tuple[Child, int] | None:
        """A worker that works now, and its child's process id."""
        for worker in self.workers:
            horse = child_of(worker.pid)
            if horse is not None and alive(horse) and not _stopped(horse):
                return worker, horse
        return None

    def stop(self) -> None:
        """End everything."""
        for worker in self.workers:
            worker.stop(0)
        for service in (getattr(self, "periodic", None), getattr(self, "kafka", None), self._registry):
            if service is not None:
                service.stop()
        if hasattr(self, "proxy"):
            self.proxy.close()
        self.stack.stop()

    def log(self, name: str) -> Path:
        """Where the processes called `name` write to."""
        return self.stack.log(name)

    def note(self, text: str) -> None:
        """Write a line to the log of attacks."""
        with self.log("attacks").open("a") as stream:
            stream.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {text}\n")

    def _start(self, command: str) -> Child:
        return children.start(command, [*MANAGE, command], log=self.log(command), cwd=ROOT)

    def _start_registry(self) -> str:
        ports = self.stack.choose_port("registry-sit"), self.stack.choose_port("registry-sit-management")
        directory = self.directory / "sit" / "registry"
        self._registry = Registry("registry-sit", directory, self.stack.log("registry-sit"), *ports)
        self._registry.start()
        return self._registry.address

    def _environment(self, addresses: Addresses) -> dict[str, str]:
        def key() -> str:
            return base64.urlsafe_b64encode(os.urandom(32)).decode()

        kept = secrets.keep(self.directory / "console.json", ["secret_key", "encryption_key"], key)
        return {
            "PROMOTION_PROFILE": "test",
            "SECRET_KEY": kept["secret_key"],
            "PROMOTION_ENCRYPTION_KEYS": kept["encryption_key"],
            "DATABASE_URL": addresses.postgres_url,
            "VALKEY_URL": addresses.valkey_url,
            "DJANGO_SETTINGS_MODULE": "portal_admin.settings",
            "PROMOTION_LEASE_SECONDS": str(LEASE_SECONDS),
            "PROMOTION_SWEEP_SECONDS": "1",
            "PROMOTION_LOG_LEVEL": "WARNING",
            "PROMOTION_FAILPOINT_FILE": str(self.failpoint),
        }


def _stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
