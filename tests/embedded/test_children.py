"""Children: they never outlive their parent, and they say how they ended."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from portal_admin.embedded import children
from portal_admin.embedded.errors import ChildDied, NotReady
from tests.embedded.processes import all_gone, is_running, wait_for

PARENT = """
import os, sys, time
from pathlib import Path
from portal_admin.embedded import children
child = children.start("sleeper", ["sleep", "300"], log=Path(sys.argv[1]))
horse = os.fork()
if horse == 0:
    os.setpgrp()
    children.die_with_parent()
    time.sleep(300)
children.wait_until(child, lambda: b"sleep" in Path(f"/proc/{child.pid}/cmdline").read_bytes()[:5])
print(child.pid, horse, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_children_and_forks_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(is_running(pid) for pid in pids)
    parent.kill()
    parent.communicate()
    wait_for(lambda: all_gone(pids), "the end of what a killed parent had started", 10)


def test_a_child_goes_on_when_the_thread_that_started_it_has_ended(tmp_path: Path) -> None:
    started: list[children.Child] = []

    def start_and_end() -> None:
        started.append(children.start("lasting", ["sh", "-c", "while echo beat; do sleep 0.02; done"], log=log))
        children.wait_until(started[0], lambda: started[0].said(b"beat"), 10)

    log = tmp_path / "log"
    thread = threading.Thread(target=start_and_end)
    thread.start()
    thread.join()
    beats = log.read_text().count("beat")
    try:
        children.wait_until(started[0], lambda: log.read_text().count("beat") > beats + 5, 10)
    finally:
        started[0].stop(0)


def test_a_child_that_ends_is_named_with_its_log_and_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "hasty.log"
    child = children.start("hasty", ["sh", "-c", "echo no room left; exit 3"], log=log)
    with pytest.raises(ChildDied, match=r"'hasty' ended with exit code 3") as caught:
        children.wait_until(child, lambda: False, 10)
    assert str(log) in caught.value.hint
    assert "no room left" in caught.value.hint


def test_last_words_are_those_of_this_run_not_of_an_earlier_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("from the run before\n")
    child = children.start("quick", ["sh", "-c", "echo now; exit 1"], log=log)
    child.process.wait()
    assert "from the run before" not in child.death().hint
    assert "now" in child.death().hint


def test_a_watch_says_which_child_was_killed(tmp_path: Path) -> None:
    alive = children.start("alive", ["sleep", "300"], log=tmp_path / "alive.log")
    killed = children.start("victim", ["sleep", "300"], log=tmp_path / "victim.log")
    try:
        os.kill(killed.pid, signal.SIGKILL)
        with pytest.raises(ChildDied, match="'victim' was killed by signal 9"):
            children.watch(lambda: [alive, killed])
    finally:
        alive.stop(0)


def test_a_child_that_ignores_the_request_to_stop_is_killed_with_its_own_children(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; sleep 300 & echo $!; wait; sleep 300"
    child = children.start("stubborn", ["sh", "-c", stubborn], log=tmp_path / "log")
    children.wait_until(child, lambda: child.said(b"\n"), 10)
    grandchild = int((tmp_path / "log").read_text())
    child.stop(grace_seconds=0.2)
    assert not child.is_alive()
    wait_for(lambda: not is_running(grandchild), "the end of the grandchild", 10)


def test_a_child_that_never_answers_is_reported_with_its_log(tmp_path: Path) -> None:
    child = children.start("mute", ["sleep", "300"], log=tmp_path / "log")
    try:
        with pytest.raises(NotReady, match="'mute' did not answer"):
            children.wait_until(child, lambda: False, 0.1)
    finally:
        child.stop(0)


def test_a_program_that_fails_raises_and_one_that_works_does_not(tmp_path: Path) -> None:
    children.run("fine", ["true"], log=tmp_path / "log")
    with pytest.raises(ChildDied, match="'broken' ended with exit code 1"):
        children.run("broken", ["false"], log=tmp_path / "log")
