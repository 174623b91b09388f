"""PostgreSQL and Valkey of the benchmark's own, and the console's web server as `make demo` runs it."""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from portal_admin.embedded import children
from portal_admin.embedded.children import Child
from portal_admin.embedded.errors import NotReady
from portal_admin.embedded.ports import LOOPBACK
from portal_admin.embedded.stack import Stack
from tests.jobs.processes import ROOT

WITHIN_SECONDS = 60.0


class Ground:
    """The services of one directory, which holds the data for the next run too."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.stack = Stack(self.directory, durable=False, usual_ports=False)
        self._web: Child | None = None
        self.url = ""

    def start(self) -> None:
        """Start the services, and point the environment at them. Raises EmbeddedError."""
        addresses = self.stack.start()
        os.environ.update(
            PROMOTION_PROFILE="demo",
            SECRET_KEY="a key for a benchmark alone, of fifty characters and more",
            PROMOTION_ENCRYPTION_KEYS="MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
            DATABASE_URL=addresses.postgres_url,
            VALKEY_URL=addresses.valkey_url,
            ALLOWED_HOSTS=LOOPBACK,
            PROMOTION_STATIC_ROOT=str(self.directory / "staticfiles"),
            PROMOTION_LOG_LEVEL="WARNING",
            DJANGO_SETTINGS_MODULE="portal_admin.settings",
        )

    def start_web(self) -> None:
        """Start the web server, and return when it answers. Raises EmbeddedError."""
        port = self.stack.choose_port("web")
        options = ["--config=python:portal_admin.embedded.gunicorn_conf", f"--bind={LOOPBACK}:{port}"]
        command = [sys.executable, "-m", "gunicorn", *options, "portal_admin.wsgi"]
        self._web = children.start("web", command, log=self.stack.log("web"), cwd=ROOT)
        self.url = f"http://{LOOPBACK}:{port}"
        deadline = time.monotonic() + WITHIN_SECONDS
        while not self._answers():
            if not self._web.is_alive():
                raise self._web.death()
            if time.monotonic() > deadline:
                raise NotReady("The web server did not answer in time.", f"Its log is {self.stack.log('web')}.")
            time.sleep(0.1)

    def stop(self) -> None:
        """End everything."""
        if self._web:
            self._web.stop()
        self.stack.stop()

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/healthz", timeout=5) as answer:
                return answer.status < 500
        except urllib.error.HTTPError as error:
            return error.code == 503  # no worker and no Kafka: the pages answer all the same
        except OSError:
            return False
