"""Fetches the locked files of a Java program, with jgo as the client of the Maven repository."""

import hashlib
import os
import shutil
import sys
import tarfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

with warnings.catch_warnings():  # a dependency of jgo complains where there is no XDG_RUNTIME_DIR; nobody needs it
    warnings.simplefilter("ignore")
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

from portal_admin.embedded.errors import DownloadFailed

_ATTEMPTS = 3
_PARALLEL = 6
_TIMEOUT_SECONDS = 30
_PROGRESS_EVERY_SECONDS = 2.0


def fetch(program: str, files: list[tuple[str, str]], staging: Path, cache: Path) -> Path:
    """Fetch all files (coordinates, SHA-256) below `staging`; returns the directory in it that holds them, unpacked.

    Keeps what an earlier attempt fetched. Raises DownloadFailed with what to do; `cache` is for that advice.
    """
    repository = os.environ.get("PROMOTION_MAVEN_REPOSITORY", MAVEN_CENTRAL_URL).rstrip("/")
    progress = _Progress(program, len(files), cache)
    context = MavenContext(
        resolver=PythonResolver(progress_callback=progress.file),
        repo_cache=staging / "repository",
        local_repos=[],
        remote_repos={"repository": repository},
        timeout=_TIMEOUT_SECONDS,
    )
    with ThreadPoolExecutor(_PARALLEL) as pool:
        try:
            paths = list(pool.map(lambda file: _fetch_one(context, *file), files))
        except (requests.RequestException, OSError, RuntimeError) as error:
            progress.cancelled.set()
            raise DownloadFailed(
                f"Could not fetch what {program} needs from {repository}: {error}",
                "Check the network, or set HTTPS_PROXY; or set PROMOTION_MAVEN_REPOSITORY to a Maven mirror that you "
                f"can reach; or copy {cache} from a machine where this worked. What was fetched is kept: start again.",
            ) from error
        except BaseException:  # Ctrl-C: do not wait for the rest
            progress.cancelled.set()
            raise
    progress.say("fetched, unpacking")
    return _lay_out(paths, staging / "content")


def _fetch_one(context: MavenContext, coordinates: str, sha256: str) -> Path:
    """One file below the context's cache, with the locked hash."""
    group, name, version, classifier, packaging = coordinates.split(":")
    artifact = context.project(group, name).at_version(version).artifact(classifier=classifier, packaging=packaging)
    path = artifact.cached_path
    assert path is not None  # the context has a cache
    for attempt in range(1, _ATTEMPTS + 1):
        if path.exists() and _sha256(path) == sha256:
            return path
        path.unlink(missing_ok=True)
        try:
            context.resolver.download(artifact)
        except (requests.RequestException, OSError):
            if attempt == _ATTEMPTS:
                raise
            time.sleep(attempt)
    if _sha256(path) == sha256:
        return path
    raise RuntimeError(f"{path.name} does not have the SHA-256 that is locked for it.")


def _lay_out(paths: list[Path], content: Path) -> Path:
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir()
    for path in paths:
        if path.name.endswith(".tar.gz"):
            _unpack(path, content)
        else:
            path.rename(content / path.name)
    return content


def _unpack(archive: Path, target: Path) -> None:
    """Only for an archive whose hash is locked."""
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
            tar.extractall(target, filter="data")
        else:
            tar.extractall(target)  # noqa: S202 - its hash is locked


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Progress:
    """Lines on standard error about one download, at most one every two seconds."""

    def __init__(self, program: str, files: int, cache: Path) -> None:
        self._program, self._files = program, files
        self._lock = threading.Lock()
        self._bytes = self._total = self._done = 0
        self._next = time.monotonic() + _PROGRESS_EVERY_SECONDS
        self.cancelled = threading.Event()
        self.say(f"fetching {files} file{'s' if files > 1 else ''} (once; kept in {cache})")

    @contextmanager
    def file(self, _name: str, size: int) -> Iterator[Callable[[int], None]]:
        with self._lock:
            self._total += size
        yield self._add
        with self._lock:
            self._done += 1

    def _add(self, count: int) -> None:
        if self.cancelled.is_set():
            raise RuntimeError("stopped")
        with self._lock:
            self._bytes += count
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + _PROGRESS_EVERY_SECONDS
            one = f"{self._bytes / 1e6:.0f} of {self._total / 1e6:.0f} MB"
            many = f"{self._bytes / 1e6:.0f} MB, {self._done} of {self._files} files"
        self.say(one if self._files == 1 else many)

    def say(self, text: str) -> None:
        sys.stderr.write(f"  {self._program}: {text}\n")
        sys.stderr.flush()
