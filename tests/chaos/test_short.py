"""The crash harness itself, short: every kind of attack once, killed in the middle and continued."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal_admin.embedded.stack import Addresses, Cluster
from promotion.actions import failpoints
from tests.chaos.monkey import WEIGHTS
from tests.embedded.processes import all_gone, descendants, wait_for
from tests.jobs.processes import ROOT

KILLS, EVENTS = 14, 1_200
FAULTS = ("lost", "duplicated", "reordered", "altered")


class Harness:
    """`python -m tests.chaos` in a directory of its own, on the clusters of this run where they need not die."""

    def __init__(self, directory: Path, clusters: dict[str, Cluster]) -> None:
        self.directory, self.json = directory / "chaos", directory / "figures.json"
        services = directory / "services.json"
        services.write_text(Addresses("", "", clusters).to_json())
        self.output = directory / "output"
        self._command = [
            *(sys.executable, "-W", "ignore", "-m", "tests.chaos", f"--dir={self.directory}", f"--json={self.json}"),
            *(f"--services={services}", f"--kills={KILLS}", f"--events={EVENTS}", f"--events-a-replay={EVENTS}"),
        ]

    def start(self) -> "subprocess.Popen[bytes]":
        with self.output.open("ab") as stream:
            env = os.environ | {"PROMOTION_END_WITH_PARENT": "1"}
            return subprocess.Popen(self._command, cwd=ROOT, stdout=stream, stderr=stream, env=env)

    def figures(self) -> dict:
        return json.loads(self.json.read_text()) if self.json.exists() else {}


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_whatever_is_killed_and_the_harness_itself_may_be(
    tmp_path: Path, clusters: dict[str, Cluster]
) -> None:
    harness = Harness(tmp_path, clusters)
    first = harness.start()
    try:
        wait_for(lambda: harness.figures().get("kills", 0) >= 3 or first.poll() is not None, "three kills", 180)
        assert first.poll() is None, harness.output.read_text()
        pids = descendants(first.pid)
    finally:
        first.kill()
        first.wait()
    wait_for(lambda: all_gone(pids), "the end of everything that the killed harness had started", 20)
    before = harness.figures()
    second = harness.start()
    try:
        code = second.wait(400)
    finally:
        pids = descendants(second.pid)
        second.terminate()
        second.wait()
    wait_for(lambda: all_gone(pids), "the end of everything that the harness had started", 20)
    after = harness.figures()
    assert (code, {name: after[name] for name in FAULTS}) == (0, dict.fromkeys(FAULTS, 0)), harness.output.read_text()
    assert after["kills"] >= max(KILLS, before["kills"] + 1)
    assert after["events"] >= EVENTS
    assert after["runs"] == 2
    kinds = {*WEIGHTS, *(f"failpoint {name}" for name in failpoints.NAMES)}
    assert {kind for kind in kinds if not after["tally"].get(kind)} == set(), "attacks that never happened"
    assert after["naive_duplicated"] > 0, "a harness that cannot see a duplicate proves nothing"
    assert after["misreported"] == []
    assert after["ended_alone"] == {}
