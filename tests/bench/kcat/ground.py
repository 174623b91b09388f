"""What a run needs as real processes: the services, and for each round a database and workers of its own."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from portal_admin.embedded import children
from portal_admin.embedded.children import Child
from portal_admin.embedded.stack import Cluster, Stack
from tests.jobs.processes import ROOT, until

MANAGE = (sys.executable, "-W", "ignore", str(ROOT / "manage.py"))
CLUSTERS = ("dev", "sit")
START_SECONDS = 120.0


class Ground:
    """The services of one directory. `shared`: clusters `dev` and `sit` that run already, for a short run in tests."""

    def __init__(self, directory: Path, shared: dict[str, Cluster] | None = None) -> None:
        self.directory = directory.resolve()
        self.stack = Stack(self.directory, durable=shared is None, usual_ports=False)
        self.workers: list[Child] = []
        self._shared = shared

    def start(self) -> None:
        """Start everything anew. Raises EmbeddedError. Afterwards the environment is that of the console."""
        self.stack.open()  # raises where another run has the directory
        self.stack.stop()
        shutil.rmtree(self.directory)
        addresses = self.stack.start(() if self._shared else CLUSTERS)
        self.clusters = self._shared or addresses.clusters
        self._server = addresses.postgres_url.rpartition("/")[0]
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        os.environ.update({
            "PROMOTION_PROFILE": "test",
            "SECRET_KEY": key,
            "PROMOTION_ENCRYPTION_KEYS": key,
            "DATABASE_URL": addresses.postgres_url,
            "VALKEY_URL": addresses.valkey_url,
            "DJANGO_SETTINGS_MODULE": "portal_admin.settings",
            "PROMOTION_LOG_LEVEL": "WARNING",
        })  # fmt: skip

    def stop(self) -> None:
        """End everything, and remove the data: it is gigabytes. The logs stay."""
        self.stop_workers()
        self.stack.stop()
        for each in self.directory.glob("*"):
            if each.is_dir() and each.name != "logs":
                shutil.rmtree(each, ignore_errors=True)
            elif each.is_file():
                each.unlink()

    def use_database(self, name: str, template: str | None) -> None:
        """Make the database `name`, a copy of `template` where there is one, and have this process use it.

        No worker may run meanwhile: those that are started next use it too. What was used before is dropped unless it
        is the template.
        """
        from django.conf import settings
        from django.db import connection

        connection.close()
        before = settings.DATABASES["default"]["NAME"]
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as server:
            copied = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copied)
            if template and before != template:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(before)))
        os.environ["DATABASE_URL"] = f"{self._server}/{name}"
        connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name

    def start_workers(self, number: int) -> None:
        """Have so many workers, and return when all of them wait for work."""
        import django_rq
        from rq import Worker

        self.stop_workers()
        log = self.stack.log("worker")
        self.workers = [children.start("worker", [*MANAGE, "worker"], log=log, cwd=ROOT) for _ in range(number)]
        queue = django_rq.get_queue("default")
        until(lambda: Worker.count(queue=queue) == number, START_SECONDS, f"{number} workers, see {log}")

    def stop_workers(self) -> None:
        for worker in self.workers:
            worker.stop(10)
        self.workers.clear()
