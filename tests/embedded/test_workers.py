"""A run of the tests in several workers: they share what one process started, and nothing of it outlives the run."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.processes import all_gone, descendants, wait_for
from tests.services import MOST_WORKERS, PROJECT, WorkersServices, beside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
OURS = ("DATABASE_URL", "VALKEY_URL", "DJANGO_SETTINGS_MODULE")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory with a name so short that sockets may lie in it."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def start(temporary: Path) -> subprocess.Popen[bytes]:
    """Two workers that run tests with a database, as from a terminal: in a process group of their own."""
    kept = {k: v for k, v in os.environ.items() if k not in OURS and not k.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "tests/audit"]
    with (temporary / "output").open("wb") as output:
        return subprocess.Popen(
            command, cwd=PROJECT, env=kept | {"TMPDIR": str(temporary)}, stdout=output, stderr=output, process_group=0
        )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_is_ended(temporary: Path, signum: signal.Signals) -> None:
    run = start(temporary)
    try:
        wait_for(
            lambda: run.poll() is not None or any("postgres:" in name for name in descendants(run.pid).values()),
            "PostgreSQL", 120,
        )  # fmt: skip
        assert run.poll() is None, (temporary / "output").read_text()
        pids = descendants(run.pid)
        if signum == signal.SIGKILL:
            run.kill()
        else:
            os.killpg(run.pid, signum)
        run.wait(120)
    finally:
        run.kill()
        run.wait()
    wait_for(lambda: all_gone(pids), "the end of the workers and the services", 60)
    if signum == signal.SIGINT:
        assert list(temporary.glob("promotion-tests-*")) == []


def test_no_worker_has_the_databases_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    inherited = {"DATABASE_URL": "postgres://p:x@127.0.0.1:1/promotion", "VALKEY_URL": "redis://:x@127.0.0.1:1/0"}
    taken = [inherited["VALKEY_URL"], beside(inherited["VALKEY_URL"])]
    databases = [inherited["DATABASE_URL"]]
    for number in range(MOST_WORKERS):
        for name, value in inherited.items():
            monkeypatch.setenv(name, value)
        WorkersServices("").configure(f"gw{number}")
        taken += [os.environ["VALKEY_URL"], beside(os.environ["VALKEY_URL"])]
        databases.append(os.environ["DATABASE_URL"])
    assert len(set(taken)) == len(taken) == 16
    assert len(set(databases)) == len(databases)
    with pytest.raises(RuntimeError, match="Not more than 7 workers"):
        WorkersServices("").configure(f"gw{MOST_WORKERS}")
