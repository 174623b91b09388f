"""One Apache Kafka broker in KRaft mode: broker and controller in one process, two loopback ports."""

import base64
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from portal_admin.embedded import children, downloads, java
from portal_admin.embedded.children import Child
from portal_admin.embedded.ports import LOOPBACK

_HEAP_MEGABYTES = 384
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


@dataclass(frozen=True)
class Detour:
    """A second way to a broker: it listens on `port`, and sends who comes that way to `advertised`, a proxy's port."""

    port: int
    advertised: int


class Kafka:
    """A cluster of one broker, with its data below `directory`."""

    def __init__(
        self, name: str, directory: Path, log: Path, port: int, controller_port: int, detour: Detour | None = None
    ) -> None:
        """`detour` is for tests that disturb the network between a client and the broker."""
        self.name, self._directory, self._log = name, directory, log
        self._port, self._controller_port, self._detour = port, controller_port, detour
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """The bootstrap servers."""
        return f"{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Return when the broker has registered with its controller. Raises ChildDied, NotReady or DownloadFailed."""
        classpath = f"{downloads.provide('kafka')}/*"
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = self._write_settings()
        if not (self._directory / "complete").exists():
            self._format(classpath, settings)
        self.child = children.start(
            self.name,
            java.command(_HEAP_MEGABYTES, *_LOGGING, "-cp", classpath, "kafka.Kafka", settings),
            log=self._log,
        )
        children.wait_until(self.child, self._has_started)

    def stop(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.stop()

    def _format(self, classpath: str, settings: Path) -> None:
        """Give the data directory its cluster id. One that was interrupted is made again."""
        shutil.rmtree(self._directory / "data", ignore_errors=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = java.command(
            128, "-cp", classpath, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", settings
        )
        children.run(f"format of {self.name}", command, log=self._log)
        (self._directory / "complete").touch()

    def _write_settings(self) -> Path:
        broker, controller = f"{LOOPBACK}:{self._port}", f"{LOOPBACK}:{self._controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            # Voters by configuration, so that the port may change between starts.
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self._directory / "data",
            "auto.create.topics.enable": "false",
            "num.partitions": 1,
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "background.threads": 2,
            "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        }
        if self._detour:
            settings["listeners"] = f"{settings['listeners']},DETOUR://{LOOPBACK}:{self._detour.port}"
            advertised = f"DETOUR://{LOOPBACK}:{self._detour.advertised}"
            settings["advertised.listeners"] = f"{settings['advertised.listeners']},{advertised}"
            protocols = (f"{listener}:PLAINTEXT" for listener in ("PLAINTEXT", "CONTROLLER", "DETOUR"))
            settings["listener.security.protocol.map"] = ",".join(protocols)
            # A killed broker may come back only when the controller takes its earlier life for ended: 9 s by default.
            settings |= {"broker.session.timeout.ms": 3_000, "broker.heartbeat.interval.ms": 500}
        file = self._directory / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return file

    def _has_started(self) -> bool:
        """By the broker's own word: its port opens before it may lead partitions. Needs no Kafka client."""
        return self.child is not None and self.child.said(b"Kafka Server started")
