"""The older line format: key, full class name and Avro JSON, separated by U+001E; `#` begins a comment.

Where an event stood, and what it was, stands in a comment before its line, `#@ {...}`: older tools pass over it.
A key that a column cannot hold stands as `base64:...`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from promotion.domain.files import objects
from promotion.domain.files.items import BadEntry, BadLine, FileEvent, Item, Manifest
from promotion.domain.files.splitting import Piece, lines, too_long
from promotion.domain.files.text import TYPE_NAME, compact, needed_type
from promotion.domain.json_text import parse_json
from promotion.errors import InvalidInput

SEPARATOR, OLD_SEPARATOR = b"\x1e", b"^^"
COMMENT, NOTE = b"#", b"#@"
_BASE64 = b"base64:"
#: What Java prints of an array of bytes: its place in memory. An early exporter wrote it instead of the key.
_JAVA_ARRAY = re.compile(rb"\[B@[0-9a-f]{1,8}")
#: Beginnings of a key that a reader would take for something else.
_HARD = (_BASE64, COMMENT, b" ")
_NOTED = ("partition", "offset", "timestamp", "type", "version", "excluded")
_Note = Mapping[str, Any]
_NO_NOTE: _Note = {}


def header(about: Mapping[str, Any]) -> str:
    """Return the first lines."""
    return f"#@ {compact(objects.manifest_object(about))}\n# key U+001E full class name U+001E Avro JSON\n"


def entry(event: FileEvent) -> str:
    """Return the note and the line of one event. Raises CannotWrite where it has no type."""
    type_name = needed_type(event)
    said = objects.event_object(event)
    note = {name: said[name] for name in _NOTED if name in said}
    first = f"#@ {compact(note)}\n" if note.keys() - {"type"} else ""
    return f"{first}{_column(event.key)}\x1e{type_name}\x1e{compact(event.value)}\n"


def _column(key: bytes | None) -> str:
    if key is None:
        return ""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        text = ""
    plain = text.isprintable() and not key.startswith(_HARD) and not _JAVA_ARRAY.fullmatch(key)
    return text if text and plain else (_BASE64 + b64encode(key)).decode()


def read(chunks: Iterable[bytes], editing: bool) -> Iterator[Item]:
    """Yield what the lines say; see reading.read."""
    note = _NO_NOTE
    for piece in lines(chunks):
        found = _read(piece, note, editing)
        note = _NO_NOTE
        if isinstance(found, FileEvent | BadEntry | Manifest):
            yield found
        elif found is not None:
            note = {"line": piece.line, **{name: found[name] for name in _NOTED if name in found}}


def _read(piece: Piece, note: _Note, editing: bool) -> Item | _Note | None:
    """Return what a line says: an item, a note on the next line, None for a comment."""
    if piece.data is None:
        return too_long(piece)
    try:
        if piece.data.startswith(NOTE):
            return _read_note(piece.data[len(NOTE) :])
        if piece.data.startswith(COMMENT):
            return None
        directly = note.get("line") == piece.line - 1
        return _read_event(piece, piece.data.rstrip(b"\r"), note if directly else _NO_NOTE, editing)
    except InvalidInput as error:
        return BadEntry(piece.number, piece.line, error.message, error.hint)


def _read_note(text: bytes) -> Manifest | _Note:
    found = parse_json(text)
    if not isinstance(found, dict):
        raise BadLine("The note is not a JSON object.", "'#@' begins a note; begin another comment with '# '.")
    return objects.read_manifest(found["manifest"]) if "manifest" in found else found


def _read_event(piece: Piece, data: bytes, note: _Note, editing: bool) -> FileEvent:
    columns = data.split(SEPARATOR if SEPARATOR in data else OLD_SEPARATOR, 2)
    if len(columns) != 3:
        raise BadLine(
            "The line does not have three columns.", "They are key, full class name and JSON, separated by U+001E."
        )
    type_name = _type_name(columns[1])
    if note.get("type") not in (None, type_name):
        raise BadLine("The note before the line is about an event of another type.", "Take the note out.")
    said = {**note, "type": type_name, "value": parse_json(columns[2]), **_key(columns[0])}
    if said["value"] is None and note.get("excluded") is True:
        del said["value"]
    found = objects.read_object(said, piece.number, piece.line, editing)
    assert isinstance(found, FileEvent), "a note with a manifest is an item of its own"
    return found


def _type_name(column: bytes) -> str:
    name = column.strip().decode("ascii", "replace")
    if not TYPE_NAME.fullmatch(name):
        raise BadLine("The second column is not the name of a class.", "It is the event's full class name.")
    return name


def _key(column: bytes) -> dict[str, Any]:
    """Return the key as our form of an event has it; nothing where the column does not say it."""
    if _JAVA_ARRAY.fullmatch(column):
        return {}
    if not column:
        return {"key": None}
    if not column.startswith(_BASE64):
        return {"key": objects.key_value(column)}
    try:
        return {"key": objects.key_value(b64decode(column.removeprefix(_BASE64), validate=True))}
    except (NoBase64, ValueError):
        raise BadLine("The key is not base64.", "A key that begins with 'base64:' holds its bytes so.") from None
