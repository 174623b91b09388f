"""How people write a filter's times and offsets: on the command line and in forms alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

_SPAN = re.compile(r"(\d{1,9}):(\d{1,18})-(\d{1,18})?\Z")


def moment(text: str) -> int:
    """Return milliseconds since the epoch of an ISO 8601 time; without a zone it is UTC. Raises ValueError."""
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"'{text[:40]}' is no time: write it like 2026-01-31T08:00 or 2026-01-31T08:00+01:00."
        ) from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return round(parsed.timestamp() * 1000)


def offsets(lines: Iterable[str]) -> dict[str, list[int | None]]:
    """Return {partition: [start, end]} of lines `P:START-END`, END exclusive or left out. Raises ValueError."""
    found: dict[str, list[int | None]] = {}
    for line in filter(None, (line.strip() for line in lines)):
        match = _SPAN.fullmatch(line)
        if match is None:
            raise ValueError(f"'{line[:40]}' is no range of offsets: write PARTITION:START-END, for example 0:100-200.")
        partition = str(int(match[1]))
        if partition in found:
            raise ValueError(f"Partition {partition} is named twice.")
        found[partition] = [int(match[2]), None if match[3] is None else int(match[3])]
    return found
