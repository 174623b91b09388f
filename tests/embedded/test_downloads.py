"""Downloads: locked by hash, kept, whole or not at all. The repository is a real HTTP server with small files."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal_admin.embedded import downloads
from portal_admin.embedded.errors import DownloadFailed


class Repository(http.server.ThreadingHTTPServer):
    """A Maven repository that serves `directory` and remembers what was asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(directory)))

    def publish(self, name: str, content: bytes, suffix: str = ".jar") -> str:
        """Returns the line of the lock file."""
        packaging, classifier = suffix.removeprefix("-all").removeprefix("."), "all" if "-all" in suffix else ""
        directory = self.directory / "org" / "example" / name / "1.0"
        directory.mkdir(parents=True)
        (directory / f"{name}-1.0{suffix}").write_bytes(content)
        return f"tool org.example:{name}:1.0:{classifier}:{packaging} {hashlib.sha256(content).hexdigest()}\n"


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with Repository(tmp_path / "repository") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PROMOTION_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("PROMOTION_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(downloads, "LOCK_FILE", tmp_path / "lock.txt")
        yield server
        server.shutdown()


def lock(*lines: str) -> None:
    downloads.LOCK_FILE.write_text("# a comment\n" + "".join(lines))


def archive(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_files_are_fetched_once_and_archives_unpacked(repository: Repository) -> None:
    lock(repository.publish("one", b"1"), repository.publish("pack", archive("inside.txt", b"2"), "-all.tar.gz"))
    directory = downloads.provide("tool")
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {"one-1.0.jar": b"1", "inside.txt": b"2"}
    asked = len(repository.asked)
    assert downloads.provide("tool") == directory
    assert len(repository.asked) == asked


def test_two_that_ask_at_once_get_one_download(repository: Repository) -> None:
    lock(*(repository.publish(f"part{number}", bytes(50_000)) for number in range(8)))
    with ThreadPoolExecutor(4) as pool:
        directories = set(pool.map(lambda _: downloads.provide("tool"), range(4)))
    assert len(directories) == 1
    assert len(list(directories.pop().iterdir())) == 8
    assert len([path for path in repository.asked if path.endswith("part3-1.0.jar")]) == 1


def test_a_file_with_another_hash_than_the_locked_one_is_refused(repository: Repository) -> None:
    lock(repository.publish("one", b"1").replace(hashlib.sha256(b"1").hexdigest(), "0" * 64))
    with pytest.raises(DownloadFailed, match="does not have the SHA-256"):
        downloads.provide("tool")
    assert not list(downloads.cache_directory().glob("tool-*"))


def test_what_an_interrupted_start_fetched_is_kept_and_half_a_file_is_not_trusted(repository: Repository) -> None:
    lines = repository.publish("one", b"1"), repository.publish("two", b"22")
    lock(lines[0], lines[1].replace(":two:", ":absent:"))
    with pytest.raises(DownloadFailed, match="absent"):
        downloads.provide("tool")
    half = (
        downloads.cache_directory() / "tool.partial" / "repository" / "org" / "example" / "two" / "1.0" / "two-1.0.jar"
    )
    half.parent.mkdir(parents=True)
    half.write_bytes(b"2")
    lock(*lines)
    assert (downloads.provide("tool") / "two-1.0.jar").read_bytes() == b"22"
    assert len([path for path in repository.asked if path.endswith("one-1.0.jar")]) == 1


def test_an_unreachable_repository_says_what_to_do(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(repository.publish("one", b"1"))
    monkeypatch.setenv("PROMOTION_MAVEN_REPOSITORY", "http://127.0.0.1:1")
    with pytest.raises(DownloadFailed) as caught:
        downloads.provide("tool")
    for advice in ("network", "HTTPS_PROXY", "PROMOTION_MAVEN_REPOSITORY", str(downloads.cache_directory())):
        assert advice in caught.value.hint


def test_a_home_that_cannot_be_written_leaves_the_cache_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMOTION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert downloads.cache_directory() == downloads.PROJECT / ".local" / "cache"


def test_every_locked_file_of_the_real_programs_has_a_version_and_a_hash() -> None:
    for program in ("kafka", "registry"):
        files = downloads.locked_files(program)
        assert files
        assert all(coordinates.count(":") == 4 and len(sha256) == 64 for coordinates, sha256 in files)
