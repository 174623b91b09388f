"""Imports point down only: the contracts of pyproject.toml, as a test."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages below `directory`."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_imports_point_down() -> None:
    ended = lint(ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("promotion/domain/names.py", "import django.db", "The domain is plain Python BROKEN"),
        ("promotion/models/audit.py", "import promotion.actions.audit", "Imports point down BROKEN"),
        ("promotion/views/audit.py", "import confluent_kafka", "Only promotion.kafka knows the Kafka client BROKEN"),
        ("portal_admin/embedded/ports.py", "import promotion.errors", "know nothing of promotions BROKEN"),
    ],
)
def test_an_import_that_points_up_is_found(tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("portal_admin", "promotion"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    ended = lint(tmp_path)
    assert ended.returncode == 1
    assert contract in ended.stdout
