"""Milliseconds since the epoch as RFC 3339 and back, exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,12}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def rfc3339(milliseconds: int) -> str | None:
    """Return `2025-11-13T00:07:40.350Z`; None outside of the years 1 to 9999, which the notation cannot say."""
    if not (_FIRST - _EPOCH) // _MILLISECOND <= milliseconds <= (_LAST - _EPOCH) // _MILLISECOND:
        return None
    return (_EPOCH + milliseconds * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int | None:
    """Return the milliseconds of an RFC 3339 text, finer parts cut off; None where it is none."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    date, time, fraction, zone = match.groups()
    try:
        found = datetime.fromisoformat(f"{date}T{time}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        return None
    return (found - _EPOCH) // _MILLISECOND + int((fraction or "0").ljust(3, "0")[:3])
