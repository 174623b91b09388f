"""Receivers on real sockets: a web server that answers as it is told, and a mail server that keeps what it gets."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpReceiver:
    """Keeps every request, and answers with the next of `answers`, with 204 where there is none."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    answers: list[Callable[[BaseHTTPRequestHandler], None] | int] = field(default_factory=list)


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """Listen on a free port of this machine."""
    receiver = HttpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Received(self.path, headers, body))
            answer = receiver.answers.pop(0) if receiver.answers else 204
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()


@dataclass
class SmtpReceiver:
    """Keeps every message as (recipients, text); refuses the recipients in `refused`."""

    port: int = 0
    messages: list[tuple[list[str], str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


@contextmanager
def smtp_receiver() -> Iterator[SmtpReceiver]:
    """Listen on a free port of this machine: as much of SMTP as a client without TLS and login needs."""
    receiver = SmtpReceiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            recipients: list[str] = []
            for line in self.rfile:
                command = line.decode().strip()
                match command.upper()[:4]:
                    case "EHLO" | "HELO" | "MAIL" | "RSET":
                        self._say("250 ok")
                    case "RCPT":
                        recipients.append(command.partition("<")[2].partition(">")[0])
                        self._say("550 nobody here" if recipients[-1] in receiver.refused else "250 ok")
                    case "DATA":
                        self._say("354 go on")
                        receiver.messages.append((recipients, self._data()))
                        recipients = []
                        self._say("250 kept")
                    case "QUIT":
                        self._say("221 bye")
                        return
                    case _:
                        self._say("502 what?")

        def _data(self) -> str:
            lines = list(iter(self.rfile.readline, b".\r\n"))
            return b"".join(lines).decode()

        def _say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()
