"""Every format in: one kind of item out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from promotion.domain.files import cloud_events, line_format, objects
from promotion.domain.files.items import BadEntry, Format, Item
from promotion.domain.files.splitting import Piece, elements, lines, too_long
from promotion.domain.json_text import parse_json
from promotion.errors import InvalidInput


def read(form: Format, chunks: Iterable[bytes], editing: bool = False) -> Iterator[Item]:
    """Yield what a file of format `form` says, entry by entry: events, bad entries, manifests, in the file's order.

    `chunks` are its bytes, cut anywhere; no more is held than one of them and one entry. When `editing` an existing
    promotion key and timestamp are only what the file says of them (`fixed`). Raises BadFile where the file cannot be
    read on: what came before it was good.
    """
    match form:
        case Format.LINES:
            return line_format.read(chunks, editing)
        case Format.CLOUDEVENTS:
            return cloud_events.read(chunks, editing)
        case Format.JSON:
            return (_item(piece, editing) for piece in elements(chunks))
        case Format.JSONL:
            return (_item(piece, editing) for piece in lines(chunks))


def _item(piece: Piece, editing: bool) -> Item:
    if piece.data is None:
        return too_long(piece)
    try:
        return objects.read_object(parse_json(piece.data), piece.number, piece.line, editing)
    except InvalidInput as error:
        return BadEntry(piece.number, piece.line, error.message, error.hint)
