"""The demo: every service and every process of the console, as children of this one, until somebody ends it."""

import base64
import json
import os
import secrets as random_source
import shlex
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from portal_admin.embedded import children, ports, secrets
from portal_admin.embedded.children import Child
from portal_admin.embedded.errors import EmbeddedError, NotReady
from portal_admin.embedded.interruption import Interrupted, as_exceptions, end_with_parent_if_asked
from portal_admin.embedded.stack import Addresses, Stack
from portal_admin.embedded.terminal import say

PROJECT = Path(__file__).resolve().parents[2]
#: What `make demo-reset` removes.
USUAL_DIRECTORY = PROJECT / ".local" / "demo"
MANAGE = (sys.executable, str(PROJECT / "manage.py"))
CLUSTERS = ("dev", "sit")
_WORKERS = 2
_USUAL_PORT = 8000
_HEALTHY_WITHIN_SECONDS = 180.0
_SEED_WITHIN_SECONDS = 300.0


@dataclass(frozen=True)
class Demo:
    """What was asked for. `manage`: the command line that stands for `manage.py`; `clusters`: their names."""

    directory: Path
    port: int | None = None
    ready_file: Path | None = None
    empty: bool = False
    manage: Sequence[str] = MANAGE
    clusters: Sequence[str] = CLUSTERS

    def run(self) -> int:
        """Run until a signal or a child's death. Returns the exit code: 0 after a signal, 1 after a failure."""
        end_with_parent_if_asked()
        with as_exceptions():
            running = _Running(self)
            try:
                running.start()
                children.watch(lambda: running.children)
            except Interrupted as interruption:
                say(f"\nStopping ({interruption}) ...")
                return 0
            except EmbeddedError as error:
                say(f"\n{error.message}\n{error.hint}\nStopping everything else ...")
                return 1
            finally:
                running.stop()
                say("Everything is stopped.")


class _Running:
    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._stack = Stack(demo.directory)
        self._own: list[Child] = []
        self._ready = False

    @property
    def children(self) -> list[Child]:
        return [*self._stack.children, *self._own]

    def start(self) -> None:
        """Return when /healthz answers and the ready file is written. Raises EmbeddedError, Interrupted."""
        begun = time.monotonic()
        self._stack.open()
        if self._demo.ready_file:  # only now: the demo that has the directory may have written it
            self._demo.ready_file.unlink(missing_ok=True)
        if self._demo.port and not ports.is_free(self._demo.port):
            raise EmbeddedError(
                f"Port {self._demo.port} is in use.", "Name another one, or none to have a free one chosen."
            )
        say("Starting PostgreSQL, Valkey, two Kafka clusters and their schema registries ...")
        addresses = self._stack.start(self._demo.clusters)
        port = self._demo.port or self._stack.choose_port("web", _USUAL_PORT)
        env = self._environment(addresses, port)
        seed = self._prepare(env, addresses)
        say("Starting the web server, two workers and the periodic process ...")
        self._start_processes(env, port)
        url = f"http://{ports.LOOPBACK}:{port}"
        self._wait_until_healthy(f"{url}/healthz")
        if self._demo.ready_file:
            document = {"url": url, "accounts": seed["accounts"], "env": env, "environments": seed["environments"]}
            self._ready = True
            secrets.write_private(self._demo.ready_file, json.dumps(document, indent=2))
        say(_welcome(url, seed["accounts"], self._stack.directory, time.monotonic() - begun))

    def stop(self) -> None:
        """Take the ready file back, end the console's processes, then the services they need."""
        if self._ready and self._demo.ready_file:
            self._demo.ready_file.unlink(missing_ok=True)
        with ThreadPoolExecutor(max(1, len(self._own))) as pool:
            list(pool.map(lambda child: child.stop(), self._own))
        self._stack.stop()

    def _environment(self, addresses: Addresses, port: int) -> dict[str, str]:
        """Every variable that manage.py needs to work with this demo."""
        file = self._stack.directory / "secrets.json"
        secrets.keep(file, ["secret_key"], lambda: random_source.token_urlsafe(50))
        kept = secrets.keep(file, ["encryption_key"], _fernet_key)
        origins = [f"http://{host}:{port}" for host in (ports.LOOPBACK, "localhost")]
        return {
            "PROMOTION_PROFILE": "demo",
            "SECRET_KEY": kept["secret_key"],
            "PROMOTION_ENCRYPTION_KEYS": kept["encryption_key"],
            "DATABASE_URL": addresses.postgres_url,
            "VALKEY_URL": addresses.valkey_url,
            "ALLOWED_HOSTS": f"{ports.LOOPBACK},localhost",
            "CSRF_TRUSTED_ORIGINS": ",".join(origins),
            "PROMOTION_SURVEY_SECONDS": "5",  # whoever tries the console out does not wait for its pictures
            "PROMOTION_STATIC_ROOT": str(self._stack.directory / "staticfiles"),
        }

    def _prepare(self, env: dict[str, str], addresses: Addresses) -> dict[str, Any]:
        """Bring database, event types and topics to where the console can start. Returns what the seed printed."""
        static_files = self._start_manage("collectstatic", env, "--noinput", "--verbosity=0")
        say("Migrating the database ...")
        self._run_manage("migrate", env, "--noinput", "--verbosity=0")
        say("Loading the event types ...")
        self._run_manage("event_types", env, "load")
        say("Preparing accounts, environments and topics ...")
        clusters = {name: asdict(cluster) for name, cluster in addresses.clusters.items()}
        seed = self._seed(env | {"PROMOTION_DEMO_CLUSTERS": json.dumps(clusters)})
        if seed["seeded"]:
            say(f"Seeded dev with {seed['seeded']:,} records.")
        if static_files.process.wait(_HEALTHY_WITHIN_SECONDS) != 0:
            raise static_files.death()
        self._own.remove(static_files)
        return seed

    def _seed(self, env: dict[str, str]) -> dict[str, Any]:
        printed = self._stack.directory / "seed.json"
        secrets.write_private(printed, "")
        try:
            self._run_manage(
                "demo_seed",
                env,
                *(["--empty"] if self._demo.empty else []),
                f"--dir={self._stack.directory}",
                output=printed,
            )
            document: dict[str, Any] = json.loads(printed.read_text())
        except ValueError as error:
            raise EmbeddedError(
                f"The seed did not print one JSON document: {error}.", f"Its log is {self._stack.log('demo_seed')}."
            ) from error
        finally:
            printed.unlink()
        return document

    def _start_processes(self, env: dict[str, str], port: int) -> None:
        options = ["--config=python:portal_admin.embedded.gunicorn_conf", f"--bind={ports.LOOPBACK}:{port}"]
        self._start("web", [sys.executable, "-m", "gunicorn", *options, "portal_admin.wsgi"], env)
        for number in range(1, _WORKERS + 1):
            self._start(f"worker-{number}", [*self._demo.manage, "worker"], env)
        self._start("periodic", [*self._demo.manage, "periodic"], env)

    def _wait_until_healthy(self, url: str) -> None:
        deadline = time.monotonic() + _HEALTHY_WITHIN_SECONDS
        while not (answer := _answer(url)).startswith("200"):
            dead = next((child for child in self.children if not child.is_alive()), None)
            if dead:
                raise dead.death()
            if time.monotonic() > deadline:
                logs = self._stack.log("web").parent
                raise NotReady(
                    f"{url} did not answer 200 in time; its last answer was: {answer}.", f"The logs are in {logs}."
                )
            time.sleep(0.1)

    def _start_manage(self, command: str, env: dict[str, str], *arguments: str) -> Child:
        return self._start(command, [*self._demo.manage, command, *arguments], env)

    def _run_manage(self, command: str, env: dict[str, str], *arguments: str, output: Path | None = None) -> None:
        children.run(
            command,
            [*self._demo.manage, command, *arguments],
            log=self._stack.log(command),
            env=os.environ | env,
            output=output,
            timeout_seconds=_SEED_WITHIN_SECONDS,
        )

    def _start(self, name: str, command: Sequence[str], env: dict[str, str]) -> Child:
        child = children.start(name, command, log=self._stack.log(name), env=os.environ | env, cwd=PROJECT)
        self._own.append(child)
        return child


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(random_source.token_bytes(32)).decode()


def _answer(url: str) -> str:
    """The status and the beginning of the body, or why there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return f"{answer.status}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(200).decode(errors='replace')}"
    except OSError as error:
        return str(error)


def _welcome(url: str, accounts: dict[str, dict[str, str]], directory: Path, seconds: float) -> str:
    rows = [f"  {role:<10} {account['username']:<12} {account['password']}" for role, account in accounts.items()]
    lines = ["", f"The console is up after {seconds:.0f} s: {url}", "", "  role       user         password", *rows, ""]
    forget = "make demo-reset" if directory == USUAL_DIRECTORY else f"rm -rf {shlex.quote(str(directory))}"
    last = f"Logs are in {directory / 'logs'}. Ctrl-C stops everything; after that `{forget}` forgets all data."
    return "\n".join([*lines, last])
