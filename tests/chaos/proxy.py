"""A network between a client and its broker that can stall in either direction, and that can be cut."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

REQUESTS, ANSWERS = "requests", "answers"
_CHUNK_BYTES = 65_536


class Proxy:
    """Passes on what comes in at loopback `port` to loopback `target`, and back.

    While it stalls, connections stay open and nothing is lost: what was sent arrives later, also of a sender that
    died meanwhile. `cut` closes every connection, and what was on its way is lost.
    """

    def __init__(self, port: int, target: int) -> None:
        self._target = "127.0.0.1", target
        self._server = socket.create_server(("127.0.0.1", port))
        self._open = {REQUESTS: threading.Event(), ANSWERS: threading.Event()}
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.go_on()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def stall(self, *directions: str) -> None:
        """Hold back what goes in `directions` until `go_on`."""
        for direction in directions:
            self._open[direction].clear()

    def go_on(self) -> None:
        """Let through what was held back, and all that follows."""
        for gate in self._open.values():
            gate.set()

    def cut(self) -> None:
        """Close every connection; new ones are taken."""
        with self._lock:
            cut, self._sockets = self._sockets, set()
        for each in cut:
            _close(each)

    def close(self) -> None:
        """Close everything."""
        self._server.close()
        self.cut()
        self.go_on()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            with self._lock:
                self._sockets |= {client, broker}
            for ends in ((client, broker, REQUESTS), (broker, client, ANSWERS)):
                threading.Thread(target=self._pump, args=ends, name="proxy-pump", daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK_BYTES):
                self._open[direction].wait()
                sink.sendall(data)
        with self._lock:
            self._sockets -= {source, sink}
        _close(source)
        _close(sink)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
