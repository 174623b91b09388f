"""Files that commands read: a path, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from promotion.errors import InvalidInput

STANDARD = "-"
PIECE = 1024 * 1024


@contextmanager
def opened(name: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Open the file that an option names, `-` for standard input: what to call it, and its bytes, read once.

    Raises InvalidInput where it cannot be opened or read.
    """
    try:
        if name == STANDARD:
            yield "standard input", _pieces(sys.stdin.buffer)
        else:
            path = Path(name)
            with path.open("rb") as stream:
                yield path.name, _pieces(stream)
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}.") from error


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(PIECE):
        yield piece
