"""Child processes that never outlive their parent, and that say where their log is when they die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from portal_admin.embedded import launch
from portal_admin.embedded.errors import ChildDied, NotReady
from portal_admin.embedded.launch import die_with_parent

__all__ = ["Child", "die_with_parent", "run", "start", "wait_until", "watch"]

_LOG_LIMIT_BYTES = 5_000_000
# The kernel ties a child to the thread that forked it. This one thread lives as long as the process, so that
# services may be started from short-lived threads.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


@dataclass
class Child:
    """A running program.

    `name` is for people, `log_start` where in its log this run begins (bytes), `stop_signal` ends it in good order.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int = 0
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self, text: bytes) -> bool:
        """Whether this run has written `text` to its log."""
        return text in self._output()

    def death(self) -> ChildDied:
        """The error that says how it ended and what it said last. Only for one that has ended."""
        return ChildDied(self.name, self.process.wait(), self.log, self._tail())

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Ask it to end, wait, then kill whatever is left of its process group. Returns when it is gone."""
        if self.is_alive():
            self.process.send_signal(self.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(grace_seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def _output(self) -> bytes:
        try:
            with self.log.open("rb") as stream:
                stream.seek(self.log_start)
                return stream.read()
        except OSError:
            return b""

    def _tail(self, lines: int = 8) -> str:
        text = self._output()[-4000:].decode(errors="replace")
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: Path | None = None,
    as_ordinary_user: bool = False,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a program in a session of its own (a terminal's Ctrl-C does not reach it) that dies with this process.

    What it prints is appended to `log`, its standard output to `output` instead where that is given.
    `as_ordinary_user`: as root, let it believe that it is not.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".previous.log"))
    options = ["--as-ordinary-user"] if as_ordinary_user and os.geteuid() == 0 else []
    launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *options, "--"]

    def spawn() -> subprocess.Popen[bytes]:
        with log.open("ab") as printed, (output or log).open("ab") as stdout:
            return subprocess.Popen(
                [*launcher, *map(str, command)],
                stdin=subprocess.DEVNULL if launch.LINUX else subprocess.PIPE,
                stdout=stdout,
                stderr=printed,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )

    log_start = log.stat().st_size if log.exists() else 0
    return Child(name, _spawner.submit(spawn).result(), log, log_start, stop_signal)


def run(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    output: Path | None = None,
    timeout_seconds: float = 120.0,
    as_ordinary_user: bool = False,
) -> None:
    """Run a program to its end. Raises ChildDied if it fails, NotReady if it takes longer than the timeout."""
    child = start(name, command, log=log, env=env, output=output, as_ordinary_user=as_ordinary_user)
    try:
        returncode = child.process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        raise NotReady(f"'{name}' did not end within {timeout_seconds:g} seconds.", f"Its log is {log}.") from None
    finally:
        child.stop(0)
    if returncode != 0:
        raise child.death()


def wait_until(child: Child, is_ready: Callable[[], bool], timeout_seconds: float = 180.0) -> None:
    """Return when `is_ready` says so. Raises ChildDied if the child ends first, NotReady after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not is_ready():
        if not child.is_alive():
            raise child.death()
        if time.monotonic() > deadline:
            raise NotReady(
                f"'{child.name}' did not answer within {timeout_seconds:g} seconds.", f"Its log is {child.log}."
            )
        time.sleep(0.05)


def watch(watched: Callable[[], Sequence[Child]]) -> NoReturn:
    """Wait for ever; raises ChildDied as soon as one of the children has ended."""
    while True:
        for child in watched():
            if not child.is_alive():
                raise child.death()
        time.sleep(0.2)
