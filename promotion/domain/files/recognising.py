"""Which format a file has, told from its first bytes."""

from __future__ import annotations

import re

from promotion.domain.files.items import BadFile, Format
from promotion.domain.files.splitting import BOM, check_start
from promotion.domain.octets import visible

#: How many of a file's first bytes are looked at. More may be given.
LOOK = 64 * 1024
_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)(?:"\s*+(:?)|\\?\Z)|[\[\]{}]', re.DOTALL)
_COMMENTS = re.compile(rb"(?:#[^\n]*+[\s]*+)*+")
_OURS = {b"manifest", b"partition", b"offset", b"value", b"version", b"excluded"}
_CLOUDEVENTS = {b"specversion", b"data", b"data_base64", b"source", b"id", b"datacontenttype"}
_OLD_LINE = re.compile(rb'[^"\n]*?\^\^[A-Za-z0-9_.$ ]+\^\^[ \t]*\{')
_KNOWN = "Known are jsonl, json, lines and cloudevents (docs/files.md): name the format where the file has one of them."


def recognise(first: bytes) -> Format:
    """Return the format of a file that begins with `first`; BadFile says what was seen where it has none of them."""
    check_start(first)
    text = first[: LOOK + len(BOM)].removeprefix(BOM).lstrip(b" \t\r\n")
    if text.startswith(b"#@"):
        return Format.LINES
    text = _COMMENTS.sub(b"", text, count=1)
    line = text.partition(b"\n")[0]
    if not text:
        raise BadFile("The file is empty, or begins with comments only.", _KNOWN)
    if b"\x1e" in line or _OLD_LINE.match(line):
        return Format.LINES
    if text[:1] in (b"[", b"{"):
        return _json(text)
    raise BadFile(f"The file begins with '{visible(text[:20].decode('latin-1'))}', which no known format does.", _KNOWN)


def _json(text: bytes) -> Format:
    """Tell our own entries from CloudEvents by the keys of the first one, whichever of them comes first."""
    array = text.startswith(b"[")
    if array and text[1:].lstrip(b" \t\r\n").startswith(b"]"):
        return Format.JSON
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
        elif token[2] and depth == 1 + array:
            if token[1] in _OURS:
                return Format.JSON if array else Format.JSONL
            if token[1] in _CLOUDEVENTS:
                return Format.CLOUDEVENTS
    what = "a JSON array" if array else "a JSON object"
    raise BadFile(f"The file begins with {what} whose first entry is neither an event nor a CloudEvent.", _KNOWN)
