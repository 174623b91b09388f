"""The rows of upload lines, written many at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from promotion.actions.copy_rows import CopyRows

_LINES = CopyRows("promotion_uploadline", {
    "upload_id": "int8", "number": "int4", "verdict": "varchar", "event_id": "int8", "event_version": "int4",
    "body": "bytea", "problems": "jsonb",
})  # fmt: skip


class Line(NamedTuple):
    """What models.UploadLine says; `verdict` is a LineVerdict, `event` an event's id."""

    number: int
    verdict: str
    event: int | None = None
    event_version: int | None = None
    body: bytes | None = None
    problems: Sequence[str] = ()


def write_lines(upload_id: int, lines: Iterable[Line]) -> None:
    """Write the lines of an upload, in the caller's transaction."""
    _LINES.write(
        (upload_id, each.number, str(each.verdict), each.event, each.event_version, each.body, _json(each.problems))
        for each in lines
    )


def _json(problems: Sequence[str]) -> str:
    return json.dumps(list(problems)) if problems else "[]"
