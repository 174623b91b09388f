"""The demo's supervisor: it names what died, and nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from portal_admin.embedded import supervisor
from portal_admin.embedded.__main__ import up
from portal_admin.embedded.stack import Stack
from portal_admin.embedded.supervisor import Demo
from tests.embedded.processes import all_gone, descendants, is_running, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Started:
    """The supervisor with everything real but Kafka, up and healthy."""

    def __init__(self, directory: Path) -> None:
        self.ready_file = directory / "ready.json"
        self.output = directory / "output"
        command = [sys.executable, "-m", "tests.embedded.without_kafka", str(directory / "demo"), str(self.ready_file)]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment())
        wait_for(lambda: self.ready_file.exists() or self.process.poll() is not None, "the ready file", 170)
        assert self.ready_file.exists(), self.output.read_text()
        self.pids = descendants(self.process.pid)

    def pid_of(self, words: str) -> int:
        return next(pid for pid, command in self.pids.items() if words in command)


def environment() -> dict[str, str]:
    """Without what points this run of the tests at services of its own. A killed run does not leave the demo behind."""
    ours = ("DATABASE_URL", "VALKEY_URL", "SECRET_KEY", "PROMOTION_ENCRYPTION_KEYS")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"PROMOTION_PROFILE": "demo", "PROMOTION_END_WITH_PARENT": "1"}


def test_the_supervisor_names_a_dead_child_ends_the_rest_and_starts_again(tmp_path: Path) -> None:
    demo = Started(tmp_path)
    document = json.loads(demo.ready_file.read_text())
    assert document["accounts"] == {"manager": {"username": "maria", "password": "a generated one"}}
    assert {"DATABASE_URL", "VALKEY_URL", "SECRET_KEY", "PROMOTION_ENCRYPTION_KEYS"} <= document["env"].keys()
    with urllib.request.urlopen(f"{document['url']}/healthz", timeout=10) as answer:
        assert answer.status == 200
    os.kill(demo.pid_of("manage.py periodic"), signal.SIGKILL)
    assert demo.process.wait(30) == 1
    said = demo.output.read_text()
    assert "The process 'periodic' was killed by signal 9." in said
    assert str(tmp_path / "demo" / "logs" / "periodic.log") in said
    assert "Seeded dev with 4,321 records." in said
    assert f"`rm -rf {tmp_path}/demo` forgets all data" in said
    assert all_gone(demo.pids)
    assert not demo.ready_file.exists()

    again = Started(tmp_path)
    kept = json.loads(again.ready_file.read_text())["env"]
    assert kept["SECRET_KEY"] == document["env"]["SECRET_KEY"]
    assert "Seed" not in again.output.read_text()
    assert any(not is_running(pid) for pid in demo.pids)
    again.process.kill()
    again.process.wait()
    wait_for(lambda: all_gone(again.pids), "the end of what a killed supervisor had started", 20)


@pytest.mark.parametrize("start", [lambda *a: Demo(a[0], ready_file=a[1]).run(), lambda *a: up(*a, [])])
def test_a_second_start_is_refused_and_leaves_the_file_of_the_first_alone(
    tmp_path: Path, start: Callable[[Path, Path], int], capsys: pytest.CaptureFixture[str]
) -> None:
    running, ready_file = Stack(tmp_path / "demo"), tmp_path / "ready.json"
    running.open()
    ready_file.write_text("{}")
    assert start(tmp_path / "demo", ready_file) == 1
    assert "Another process runs the services" in "".join(capsys.readouterr())
    assert ready_file.read_text() == "{}"
    running.stop()


def test_of_the_usual_directory_demo_reset_forgets_the_data() -> None:
    assert "`make demo-reset` forgets" in supervisor._welcome("http://x", {}, supervisor.USUAL_DIRECTORY, 1.0)
    reset = (supervisor.PROJECT / "Makefile").read_text().partition("demo-reset:")[2].splitlines()[1]
    assert supervisor.PROJECT / reset.split()[-1] == supervisor.USUAL_DIRECTORY
