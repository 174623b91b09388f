"""One schema registry: Apicurio, which speaks the Confluent-compatible protocol."""

import urllib.error
import urllib.request
from pathlib import Path

from portal_admin.embedded import children, downloads, java
from portal_admin.embedded.children import Child
from portal_admin.embedded.ports import LOOPBACK

_HEAP_MEGABYTES = 320


class Registry:
    """A registry whose schemas and ids are kept below `directory`."""

    def __init__(self, name: str, directory: Path, log: Path, port: int, management_port: int) -> None:
        self.name, self._directory, self._log = name, directory, log
        self._port, self._management_port = port, management_port
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """The base of the Confluent-compatible interface."""
        return f"http://{LOOPBACK}:{self._port}/apis/ccompat/v7"

    def start(self) -> None:
        """Return when it answers. Raises ChildDied, NotReady or DownloadFailed."""
        program = downloads.provide("registry") / "quarkus-run.jar"
        self._directory.mkdir(parents=True, exist_ok=True)
        # In memory, its default, the ids would start anew while Kafka's records carry the old ones.
        # Without WRITE_DELAY=0 a killed registry loses what it acknowledged.
        database = f"jdbc:h2:file:{self._directory.resolve() / 'schemas'};WRITE_DELAY=0"
        properties = {
            "quarkus.http.host": LOOPBACK,
            "quarkus.http.port": self._port,
            "quarkus.management.host": LOOPBACK,
            "quarkus.management.port": self._management_port,  # two registries would both take 9000
            "apicurio.datasource.url": database,
            "quarkus.log.level": "WARN",
        }
        arguments = [f"-D{key}={value}" for key, value in properties.items()]
        self.child = children.start(
            self.name,
            java.command(_HEAP_MEGABYTES, *arguments, "-jar", program),
            log=self._log,
            cwd=self._directory,
        )
        children.wait_until(self.child, self._answers)

    def stop(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.stop()

    def _answers(self) -> bool:
        try:
            # A proxy that is set for the outside has no business here.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{self.address}/subjects", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
