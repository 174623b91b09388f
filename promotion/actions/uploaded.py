"""The bytes of an uploaded file as a worker reads them: piece by piece, in the format that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from promotion.domain.files.items import BadFile, Format, Item
from promotion.domain.files.reading import read
from promotion.domain.files.recognising import LOOK, recognise
from promotion.models import LineVerdict, Upload


class UploadedFile:
    """A stored file. `format` is what was said, else recognised; `bytes` is how many of them were taken so far.

    Raises BadFile where it has none of the formats.
    """

    def __init__(self, upload: Upload) -> None:
        self.bytes = 0
        self._pieces = _pieces(upload)
        self._head = b""
        while len(self._head) < LOOK and (piece := next(self._pieces, None)) is not None:
            self._head += piece
        self.format = Format(upload.format) if upload.format else recognise(self._head)

    def items(self, editing: bool = False) -> Iterator[Item]:
        """Yield what the file says, once; see domain.files.reading. Raises BadFile where it cannot be read on."""
        return read(self.format, self._counted(), editing)

    def check_format(self, verdicts: Mapping[str, int]) -> None:
        """Raise BadFile where not one entry could be read and the file looks like another format than was said."""
        if set(verdicts) != {LineVerdict.INVALID.value}:
            return
        try:
            looks = recognise(self._head)
        except BadFile:
            return
        if looks != self.format:
            raise BadFile(
                f"No entry of the file is one of the format {self.format}: it looks like {looks}.",
                "Choose that format, or let it be recognised.",
            )

    def _counted(self) -> Iterator[bytes]:
        for piece in chain([self._head], self._pieces):
            self.bytes += len(piece)
            yield piece


def _pieces(upload: Upload) -> Iterator[bytes]:
    """One query a piece: a cursor for all of them would have the database copy the file first."""
    number = 0
    while (data := upload.chunks.filter(number=number).values_list("data", flat=True).first()) is not None:
        yield bytes(data)
        number += 1
