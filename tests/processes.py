"""The whole console as processes: gunicorn, two workers and the periodic process, on a database of its own.

What the processes of a console share is committed, so it has nothing to do with the transactions of other tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from portal_admin.embedded import children, ports
from portal_admin.embedded.children import Child
from portal_admin.embedded.stack import Cluster

ROOT = Path(__file__).resolve().parents[1]
MANAGE = (sys.executable, "-W", "ignore", str(ROOT / "manage.py"))
WORKERS = 2


class CommandFailed(AssertionError):
    """A command of manage.py that ended with another exit code than expected."""


@dataclass
class Console:
    """A console that runs. `accounts`: role -> username and password; `environments`: name -> where it is."""

    directory: Path
    port: int
    env: dict[str, str]
    accounts: dict[str, dict[str, str]] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    def manage(self, *arguments: str, exit_code: int = 0) -> Any:
        """Run `manage.py` beside the console; return its JSON document, None where it printed nothing."""
        ended = subprocess.run(
            [*MANAGE, *arguments], cwd=ROOT, env=os.environ | self.env, capture_output=True, text=True
        )
        if ended.returncode != exit_code:
            raise CommandFailed(f"{arguments} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    def start(self) -> None:
        """Start every process and return when all of it is healthy."""
        bind = f"--bind={ports.LOOPBACK}:{self.port}"
        gunicorn = [sys.executable, "-W", "ignore", "-m", "gunicorn", "portal_admin.wsgi", bind, *_GUNICORN]
        self._start("web", gunicorn)
        for number in range(1, WORKERS + 1):
            self._start(f"worker-{number}", [*MANAGE, "worker"])
        self._start("periodic", [*MANAGE, "periodic"])
        children.wait_until(self.children[0], self._is_healthy)

    def stop(self) -> None:
        for child in reversed(self.children):
            child.stop(grace_seconds=2)
        self.children.clear()

    def logs(self) -> str:
        """What every process has said, for a test that failed."""
        files = sorted((self.directory / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text()[-4000:]}" for file in files if file.stat().st_size)

    def _start(self, name: str, command: list[str]) -> None:
        log = self.directory / "logs" / f"{name}.log"
        self.children.append(children.start(name, command, log=log, env=os.environ | self.env, cwd=ROOT))

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:  # refused, reset, 503, or too slow on a busy machine
            return False


_GUNICORN = ("--worker-class=gthread", "--workers=1", "--threads=6", "--no-control-socket", "--log-level=warning")


def open_console(directory: Path, postgres_url: str, valkey_url: str, clusters: dict[str, Cluster]) -> Console:
    """Make a database beside that of `postgres_url`, seed dev's topic with the demo's story, start all."""
    port = ports.Ports(directory / "ports.json").choose("web", None)
    console = Console(directory, port, {
        "DATABASE_URL": _make_database(postgres_url),
        "VALKEY_URL": valkey_url,
        "PROMOTION_STATIC_ROOT": str(directory / "static"),
        "PROMOTION_DEMO_CLUSTERS": json.dumps({name: vars(cluster) for name, cluster in clusters.items()}),
        "PROMOTION_LOG_LEVEL": "WARNING",
    })  # fmt: skip
    console.env["CSRF_TRUSTED_ORIGINS"] = console.url
    console.manage("migrate", "--noinput", "--verbosity=0")
    console.manage("collectstatic", "--noinput", "--verbosity=0")
    console.manage("event_types", "load")
    topic = f"portal-event-{time.time_ns():x}"
    seeded = console.manage("demo_seed", f"--dir={directory}", f"--topic={topic}")
    console.accounts, console.environments = seeded["accounts"], seeded["environments"]
    console.start()
    return console


def _make_database(postgres_url: str) -> str:
    server, _, beside = postgres_url.rpartition("/")
    name = f"{beside}_console"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:  # `beside` may not be there yet
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{server}/{name}"
