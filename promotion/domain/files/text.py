"""JSON as files hold it: on one line, and ASCII only."""

from __future__ import annotations

import json
import re
from typing import Any

from promotion.domain.files.items import CannotWrite, FileEvent

#: The full name of a record type as Avro allows it.
TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")

_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))  # json.dumps makes one a call


def compact(value: Any) -> str:
    """Return `value` as one line of JSON.

    ASCII only: no reader in between takes U+2028 or U+0085 for the end of a line, and U+001E stands as an escape.
    """
    return _ENCODER.encode(value)


def needed_type(event: FileEvent) -> str:
    """Return the event's type; CannotWrite where it has none, which these formats cannot say."""
    if event.type_name is None or not TYPE_NAME.fullmatch(event.type_name):
        raise CannotWrite(
            f"Event {event.place} cannot be written: it has no type, or one that is no Avro name.",
            "Leave the event out, or choose the format jsonl.",
        )
    return event.type_name
