"""Real worker processes, and the means to kill them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal_admin.embedded import children

ROOT = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """Return what `condition` returns as soon as that is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.01)
    return found


class WorkerProcess:
    """`manage.py worker` (or `periodic`) in a process of its own; `horse` is the child that does one job.

    It ends with the run of the tests, also where that is killed.
    """

    def __init__(self, log: Path, command: str = "worker", **env: str) -> None:
        self.log = log
        program = [sys.executable, "-W", "ignore", "manage.py", command]
        self.process = children.start(command, program, log=log, env=os.environ | env, cwd=ROOT).process

    @property
    def horse(self) -> int | None:
        """The process id of its child, None while it waits for work."""
        return child_of(self.process.pid)

    def kill_horse(self, signum: int = signal.SIGKILL) -> int:
        """Send a signal to the child once there is one, and return its process id."""
        horse = int(until(lambda: self.horse, what="a working child"))
        os.kill(horse, signum)
        return horse

    def kill(self) -> None:
        """SIGKILL to the worker itself, and not to its child."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End the worker and its child, and wait for both."""
        horse = self.horse
        if self.process.poll() is None:
            self.kill()
        if horse is not None:
            until(lambda: not alive(horse), what="the child's end")


def child_of(pid: int) -> int | None:
    """The process id of the first child of a process, None where it has none or has ended."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(found[0]) if found else None


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
