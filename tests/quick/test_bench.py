"""A short version of `make bench-pages`: every page and every filter answers, whatever the time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVENTS = 1_000


@pytest.mark.timeout(600)
def test_every_page_of_a_large_promotion_answers_and_is_light(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench_pages", f"--events={EVENTS}", "--rounds=1"]
    places = [f"--dir={tmp_path / 'data'}", f"--json={result}", f"--markdown={tmp_path / 'result.md'}"]
    done = subprocess.run([*command, *places], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    measured = json.loads(result.read_text())
    assert measured["events"] == EVENTS
    assert len(measured["pages"]) > 150
    assert [each for each in measured["pages"] if "heavy" in each["verdict"]] == []
    assert (tmp_path / "result.md").read_text().count("\n|") > 150
