"""The failpoint in a file: it counts once, for the place that it names, and never in production."""

import os
import signal
from pathlib import Path

import pytest

from promotion.actions import failpoints


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "failpoint"
    monkeypatch.setenv("PROMOTION_FAILPOINT_FILE", str(file))
    return file


def end_of_a_child_that_reaches(*names: str) -> int:
    """Its exit code, or minus the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        for name in names:
            failpoints.reach(name)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_first_who_reaches_the_place_dies_and_the_next_does_not(file: Path) -> None:
    file.write_text("after-commit")
    assert end_of_a_child_that_reaches("after-flush", "after-commit") == -signal.SIGKILL
    assert not file.exists()
    assert Path(f"{file}{failpoints.TAKEN}").read_text() == "after-commit"
    assert end_of_a_child_that_reaches("after-flush", "after-commit") == 0


def test_another_place_leaves_the_file_where_it_is(file: Path) -> None:
    file.write_text("after-commit")
    assert end_of_a_child_that_reaches("after-open", "after-flush") == 0
    assert file.exists()


def test_without_the_file_or_the_variable_nothing_happens(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert end_of_a_child_that_reaches("after-commit") == 0
    monkeypatch.delenv("PROMOTION_FAILPOINT_FILE")
    assert end_of_a_child_that_reaches("after-commit") == 0


def test_production_does_not_look_at_it(file: Path, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PRODUCTION = True
    file.write_text("after-commit")
    monkeypatch.setenv("PROMOTION_FAILPOINT", "after-commit")
    assert end_of_a_child_that_reaches("after-commit") == 0
    assert file.exists()
