"""Loopback ports: the ones used last time, else the usual ones, else free ones."""

import json
import random
import socket
import threading
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range from which the system takes ports for outgoing connections, so that none of those is in the way
# at the next start.
_OWN_RANGE = range(15_000, 30_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now; ports of connections just closed count as free."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((LOOPBACK, port)) == 0:
            return False
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Ports:
    """Hands out a port a name, never one twice, and remembers the choice in a JSON file between starts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._taken: set[int] = set()
        try:
            self._remembered: dict[str, int] = json.loads(file.read_text())
        except (OSError, ValueError):
            self._remembered = {}

    def choose(self, name: str, usual: int | None = None) -> int:
        """A free port for `name`: the remembered one, else `usual`, else any. Raises OSError if there is none."""
        with self._lock:
            wanted = [port for port in (self._remembered.get(name), usual) if port]
            port = next(port for port in (*wanted, *self._others()) if port not in self._taken and is_free(port))
            self._taken.add(port)
            self._remembered[name] = port
            self._file.write_text(json.dumps(self._remembered, indent=2))
            return port

    def _others(self) -> list[int]:
        return random.sample(_OWN_RANGE, 500)
