"""What ours is compared with: kcat and jq as the system's packages have them, and how long each takes."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promotion.domain.record import Headers

HOW_TO_INSTALL = "kcat is not installed. Debian and Ubuntu: apt-get install kcat; macOS: brew install kcat."
#: An empty format prints nothing of a record, and is the cheapest: docs/benchmarks.md has the others.
READ = ("-C", "-e", "-q", "-o", "beginning", "-f", "")
#: Neither has a beginning that is its end too, so the first match is the right one wherever a body ends.
KEY_END, RECORD_END = "<~k~>", "<~r~>"
#: Every record is acknowledged by all replicas, as for ours; without idempotence and without compression, which are
#: ours and would slow kcat down.
WRITE = ("-P", "-K", KEY_END, "-D", RECORD_END, "-X", "acks=all", "-X", "partitioner=murmur2_random")


class PeerFailed(Exception):
    """kcat or jq did not do what it was asked for."""


@dataclass(frozen=True)
class Kcat:
    """The program, and the version that it says it is."""

    program: str
    version: str

    @classmethod
    def find(cls) -> Kcat | None:
        """Return what is installed, None where nothing is."""
        program = shutil.which("kcat") or shutil.which("kafkacat")
        if program is None:
            return None
        said = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout.splitlines()
        return cls(program, next((line for line in said if line.startswith("Version")), "of an unknown version"))

    def read(self, servers: str, topic: str) -> float:
        """Read the topic to nothing; return the seconds."""
        return _timed([*self._to(servers, topic), *READ])

    def write(self, servers: str, topic: str, file: Path, headers: Headers = ()) -> float:
        """Produce what `dump` wrote, each record with these same `headers`; return the seconds."""
        given = [part for name, value in headers for part in ("-H", f"{name}={(value or b'').decode()}")]
        return _timed([*self._to(servers, topic), *WRITE, *given, "-l", str(file)])

    def count(self, servers: str, topic: str) -> int:
        """How many records it reads, so that what is timed is known to read all of them."""
        command = [*self._to(servers, topic), *READ[:-1], "."]
        return len(subprocess.run(command, capture_output=True, check=True).stdout)

    def dump(self, servers: str, topic: str, file: Path, records: int) -> None:
        """Write keys and values of the topic to `file`, for `write`.

        Raises PeerFailed where a delimiter stands in a key or in a body: bodies are Avro and may hold any byte.
        """
        command = [*self._to(servers, topic), *READ[:-2], "-K", KEY_END, "-D", RECORD_END]
        with file.open("wb") as stream:
            subprocess.run(command, stdout=stream, check=True)
        found = {each: _occurrences(file, each.encode()) for each in (KEY_END, RECORD_END)}
        if set(found.values()) != {records}:
            raise PeerFailed(f"The delimiters stand in the records themselves: {found}, of {records} records.")

    def _to(self, servers: str, topic: str) -> list[str]:
        return [self.program, "-b", servers, "-t", topic]


def json_lines(program: str, file: Path) -> float:
    """Have jq read a file of JSON lines and write it again; return the seconds."""
    out, lines = file.with_suffix(".jq"), _occurrences(file, b"\n")
    with out.open("wb") as stream:
        seconds = _timed([program, "-c", ".", str(file)], stream)
    written = _occurrences(out, b"\n")
    out.unlink()
    if written != lines:
        raise PeerFailed(f"jq wrote {written} lines of {lines}.")
    return seconds


def _timed(command: Sequence[str], out: object = subprocess.DEVNULL) -> float:
    began = time.perf_counter()
    ended = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)  # type: ignore[call-overload]
    seconds = time.perf_counter() - began
    if ended.returncode:
        raise PeerFailed(f"{command[0]} ended with {ended.returncode}: {ended.stderr[-400:]}")
    return seconds


def _occurrences(file: Path, text: bytes) -> int:
    found, rest = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(1 << 24):
            block = rest + block
            found += block.count(text)
            rest = block[-(len(text) - 1) :] if len(text) > 1 else b""
    return found
