"""A set of services in one directory: PostgreSQL, Valkey and, for each named cluster, Kafka with its registry."""

import fcntl
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Protocol, Self

from portal_admin.embedded import downloads, secrets
from portal_admin.embedded.children import Child
from portal_admin.embedded.errors import ChildDied, EmbeddedError
from portal_admin.embedded.kafka import Kafka
from portal_admin.embedded.ports import Ports
from portal_admin.embedded.postgres import Postgres
from portal_admin.embedded.registry import Registry
from portal_admin.embedded.valkey import Valkey


@dataclass(frozen=True)
class Cluster:
    """Where one Kafka cluster is, and the Confluent-compatible base URL of its schema registry."""

    bootstrap_servers: str
    registry_url: str


@dataclass(frozen=True)
class Addresses:
    """Where everything is. The URLs of PostgreSQL and Valkey contain their passwords."""

    postgres_url: str
    valkey_url: str
    clusters: dict[str, Cluster] = field(default_factory=dict)

    def to_json(self) -> str:
        """As a JSON document."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From the document that `to_json` made."""
        document = json.loads(text)
        clusters = {name: Cluster(**cluster) for name, cluster in document["clusters"].items()}
        return cls(document["postgres_url"], document["valkey_url"], clusters)


class Service(Protocol):
    """What a stack needs to know of a service."""

    child: Child | None

    @property
    def address(self) -> str:
        """Where clients reach it."""

    def start(self) -> None:
        """Return when it can be used."""

    def stop(self) -> None:
        """End it, if it runs."""


class Stack:
    """The services of one directory. One process at a time may run them."""

    def __init__(self, directory: Path, *, durable: bool = True, usual_ports: bool = True) -> None:
        """`durable=False` spares the disk, `usual_ports=False` takes free ports only: both for tests."""
        self.directory = directory.resolve()
        self._durable, self._usual_ports = durable, usual_ports
        self._services: dict[str, Service] = {}
        self._cluster_names: list[str] = []
        self._stopping = threading.Event()
        self._lock: IO[str] | None = None

    @property
    def children(self) -> list[Child]:
        """The processes of the services that were started."""
        return [service.child for service in self._services.values() if service.child]

    @property
    def addresses(self) -> Addresses:
        """Only while it runs."""
        clusters = {
            name: Cluster(self._services[f"kafka-{name}"].address, self._services[f"registry-{name}"].address)
            for name in self._cluster_names
        }
        return Addresses(self._services["postgres"].address, self._services["valkey"].address, clusters)

    def open(self) -> Addresses:
        """Take the directory, ports and passwords: the addresses are known from now on, and nothing runs yet.

        Raises EmbeddedError where another process has the directory.
        """
        self._take_directory()
        self._ports = Ports(self.directory / "ports.json")
        self._passwords = secrets.keep(self.directory / "secrets.json", ["postgres_password", "valkey_password"])
        self._services = {"postgres": self._make_postgres(), "valkey": self._make_valkey()}
        return self.addresses

    def start(self, clusters: Sequence[str] = ()) -> Addresses:
        """Start everything at once and return when all of it answers.

        Raises EmbeddedError, with nothing left running, where a service does not start.
        """
        if not self._lock:
            self.open()
        return self._start(
            {"postgres": self._make_postgres, "valkey": self._make_valkey} | self._makers(clusters), clusters
        )

    def add_clusters(self, names: Sequence[str]) -> Addresses:
        """Start more clusters in a running stack."""
        return self._start(self._makers(names), names)

    def service(self, name: str) -> Service:
        """The service `name` ("postgres", "kafka-dev"), so that a test may stop it and start it again."""
        return self._services[name]

    def choose_port(self, name: str, usual: int | None = None) -> int:
        """A free loopback port for what belongs to this stack; the same one at the next start, if it is free then."""
        return self._ports.choose(name, usual if self._usual_ports else None)

    def log(self, name: str) -> Path:
        """The log of the process `name`."""
        return self.directory / "logs" / f"{name}.log"

    def stop(self) -> None:
        """End everything, at once rather than one after the other. May be called twice."""
        self._stopping.set()
        services = list(self._services.values())
        with ThreadPoolExecutor(max(1, len(services))) as pool:
            list(pool.map(lambda service: service.stop(), services))
        self._services.clear()
        if self._lock:
            self._lock.close()
            self._lock = None

    def _start(self, makers: Mapping[str, Callable[[], Service]], clusters: Sequence[str]) -> Addresses:
        try:
            if clusters:  # here rather than in the services' threads, so that Ctrl-C ends it
                downloads.provide("kafka")
                downloads.provide("registry")
            with ThreadPoolExecutor(max(1, len(makers))) as pool:
                try:
                    futures = [pool.submit(self._start_one, name, make) for name, make in makers.items()]
                    for future in as_completed(futures):
                        future.result()
                except BaseException:
                    self.stop()  # before the pool waits for its threads
                    raise
        except BaseException:
            self.stop()
            raise
        self._cluster_names += clusters
        return self.addresses

    def _start_one(self, name: str, make: Callable[[], Service]) -> None:
        """With a second attempt on other ports: somebody may have taken one since it was chosen."""
        service = self._services.get(name) or make()
        try:
            self._services[name] = service
            service.start()
        except ChildDied:
            service.stop()
            if self._stopping.wait(1):
                raise
            self._services[name] = service = make()
            service.start()

    def _makers(self, clusters: Sequence[str]) -> dict[str, Callable[[], Service]]:
        makers: dict[str, Callable[[], Service]] = {}
        for index, name in enumerate(clusters, start=len(self._cluster_names)):
            makers[f"kafka-{name}"] = partial(self._make_kafka, name, index)
            makers[f"registry-{name}"] = partial(self._make_registry, name, index)
        return makers

    def _make_postgres(self) -> Service:
        password, log = self._passwords["postgres_password"], self.log("postgres")
        return Postgres(
            self.directory / "postgres", log, self.choose_port("postgres", 5432), password, durable=self._durable
        )

    def _make_valkey(self) -> Service:
        password = self._passwords["valkey_password"]
        return Valkey(self.directory / "valkey", self.log("valkey"), self.choose_port("valkey", 6379), password)

    def _make_kafka(self, cluster: str, index: int) -> Service:
        name = f"kafka-{cluster}"
        ports = self.choose_port(name, 9092 + index), self.choose_port(f"{name}-controller")
        return Kafka(name, self.directory / "clusters" / cluster / "kafka", self.log(name), *ports)

    def _make_registry(self, cluster: str, index: int) -> Service:
        name = f"registry-{cluster}"
        ports = self.choose_port(name, 8081 + index), self.choose_port(f"{name}-management")
        return Registry(name, self.directory / "clusters" / cluster / "registry", self.log(name), *ports)

    def _take_directory(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.directory / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedError(
                f"Another process runs the services of {self.directory}.", "Stop it first, or name another directory."
            ) from None
        self._lock = lock
        self._stopping.clear()
