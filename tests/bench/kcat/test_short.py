"""The benchmark itself, short: only a wrong result fails it, never a time. PROMOTION_BENCH_EVENTS: how many events."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from portal_admin.embedded.stack import Addresses, Cluster
from tests.bench.kcat.results import REQUIRED, WORKS
from tests.embedded.processes import all_gone, descendants, wait_for
from tests.jobs.processes import ROOT

EVENTS = int(os.environ.get("PROMOTION_BENCH_EVENTS", "100000"))
BENCH = (sys.executable, "-W", "ignore", "-m", "tests.bench.kcat")
HAS_KCAT = shutil.which("kcat") is not None
#: Which needs jq as well, and a peer.
OF_JQ = {"rule", "download", "upload"}


@pytest.mark.timeout(600 + EVENTS // 50)
def test_every_work_of_a_short_run_has_the_right_result_and_stands_in_the_table(
    tmp_path: Path, clusters: dict[str, Cluster]
) -> None:
    services, figures = tmp_path / "services.json", tmp_path / "figures.json"
    services.write_text(Addresses("", "", clusters).to_json())
    options = [f"--dir={tmp_path / 'bench'}", f"--services={services}", f"--json={figures}", f"--events={EVENTS}"]
    peer = [] if HAS_KCAT else ["--without-peer"]
    harness = subprocess.Popen(
        [*BENCH, *options, "--runs=1", *peer], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said, _ = harness.communicate(timeout=550 + EVENTS // 50)
    finally:
        pids = descendants(harness.pid)
        harness.kill()
        harness.wait()
    assert harness.returncode == 0, said
    wait_for(lambda: all_gone(pids), "the end of everything that the harness had started", 20)
    assert [work.title for work in WORKS.values() if f"| {work.title} |" not in said] == []
    ratios = json.loads(figures.read_text())
    assert set(ratios) == {*REQUIRED, "rss_mb"}
    assert 20 < ratios["rss_mb"] < 400
    if HAS_KCAT:
        assert all(ratios[name] > 0 for name in REQUIRED)
        assert "bytes in the database for each event kept | " in said


def test_without_kcat_it_says_how_to_install_it_and_ends_with_2(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*BENCH, f"--dir={tmp_path}"], cwd=ROOT, env=os.environ | {"PATH": ""}, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "apt-get install kcat" in ended.stdout
