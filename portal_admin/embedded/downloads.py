"""Java programs from a Maven repository: locked by SHA-256, fetched once, kept in the user's cache.

`java-artifacts.txt` names every file of a program with its hash; `scripts/lock_java.py` writes it.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal_admin.embedded.errors import DownloadFailed

PROJECT = Path(__file__).resolve().parents[2]
LOCK_FILE = Path(__file__).with_name("java-artifacts.txt")


def locked_files(program: str) -> list[tuple[str, str]]:
    """The files of `program` ("kafka", "registry"): (`group:artifact:version:classifier:packaging`, SHA-256)."""
    rows = (line.split() for line in LOCK_FILE.read_text().splitlines() if line and not line.startswith("#"))
    return [(coordinates, sha256) for name, coordinates, sha256 in rows if name == program]


def provide(program: str) -> Path:
    """The directory with the program's files, fetched if need be. Several processes may ask at once.

    Raises DownloadFailed with what to do where a file cannot be had.
    """
    files = locked_files(program)
    digest = hashlib.sha256(repr(files).encode()).hexdigest()[:12]
    cache = cache_directory()
    complete = cache / f"{program}-{digest}"
    if complete.is_dir():
        return complete
    with _lock(cache / f"{program}.lock"):
        if not complete.is_dir():
            # Only now: what fetches takes half a second to load, and most starts fetch nothing.
            from portal_admin.embedded.maven import fetch

            staging = cache / f"{program}.partial"
            # Only a complete directory ever gets the final name.
            fetch(program, files, staging, cache).rename(complete)
            shutil.rmtree(staging)
    return complete


def cache_directory() -> Path:
    """Where programs are kept: PROMOTION_CACHE_DIR, else the user's cache, else `.local/cache` in the project."""
    named = os.environ.get("PROMOTION_CACHE_DIR")
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.path.expanduser("~")) / ".cache") / "promotion-console"
    candidates = [Path(named)] if named else [users, PROJECT / ".local" / "cache"]
    for candidate in candidates:
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=candidate).close()
        except OSError:
            continue
        return candidate.resolve()
    raise DownloadFailed(
        f"None of these directories can be written: {', '.join(map(str, candidates))}.",
        "Set PROMOTION_CACHE_DIR to one that can.",
    )


@contextmanager
def _lock(file: Path) -> Iterator[None]:
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
