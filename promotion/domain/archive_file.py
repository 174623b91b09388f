"""The file of an archived promotion: gzip of JSON Lines, first what it is, then one row a line.

    {"archive": 1, "installation": "...", "promotion": 7, "tables": ["promotion_event", ...]}
    ["promotion_event", {"id": 12, ...}]

Rows are as PostgreSQL's to_json writes them, so that `zcat` and `jq` read them too. Bytes are `\\x` and hexadecimal.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from promotion.errors import InvalidInput

FORMAT = 1
#: Characters of one row: a Kafka record of some megabytes, in hexadecimal, beside its JSON.
LONGEST = 128 * 1024 * 1024
LEVEL = 3
_ROW = re.compile(rb'\["([a-z_]+)", (\{.*\})\]\n')


class ArchiveWriter:
    """Writes a file that must not be there yet; it is on the disk when the context ends well, and gone otherwise."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self._about = about

    def __enter__(self) -> Self:
        # Nobody else's to read: it holds the events as they are, sensitive values too.
        self._raw = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._file = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=LEVEL, filename="", mtime=0)
        self._file.write(json.dumps({"archive": FORMAT, **self._about}).encode() + b"\n")
        return self

    def row(self, table: str, row: str) -> None:
        """Write one row, given as the text of a JSON object on one line."""
        self._file.write(f'["{table}", {row}]\n'.encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
        finally:
            self._raw.close()
            if kind is not None:
                self.path.unlink(missing_ok=True)
        _sync(self.path.parent)


def _sync(directory: Path) -> None:
    """Let the disk know the file by its name too, before what is in it is deleted elsewhere."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of the file's bytes. Raises InvalidInput where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"The file {path.name} cannot be read: {error.strerror}.") from error


def about(path: Path) -> dict[str, Any]:
    """Return what the file says of itself. Raises InvalidInput for anything that is no archive."""
    for line in _lines(path):
        try:
            found = json.loads(line)
        except ValueError:
            break
        if isinstance(found, dict) and found.get("archive") == FORMAT:
            return found
        break
    raise InvalidInput(f"The file {path.name} is no archive of a promotion.", "`promotion archive` writes them.")


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (table, row as the text of a JSON object) in the order of the file.

    The text is not parsed: a number of PostgreSQL's has more digits than one of Python's. Raises InvalidInput where
    the file is damaged, with the line's number.
    """
    lines = enumerate(_lines(path), start=1)
    next(lines, None)
    for number, line in lines:
        found = _ROW.fullmatch(line)
        if found is None:
            raise InvalidInput(f"Line {number:,} of the file {path.name} is damaged.")
        yield found[1].decode(), found[2].decode()


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") as file:
            while line := file.readline(LONGEST):
                yield line
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"The file {path.name} cannot be read to its end: {type(error).__name__}.") from error
