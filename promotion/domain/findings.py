"""What a check of an environment found, read as words: its health, and what would make it a bad target.

Findings are a JSON object with the parts `kafka` and `registry`. A part is absent where it was not asked, has `error`,
`hint` and `field` where it failed, and facts otherwise. Times are milliseconds, sizes bytes, -1 is Kafka's "no limit".
"""

from collections.abc import Mapping
from typing import Any

Findings = Mapping[str, Mapping[str, Any]]
PARTS = ("kafka", "registry")
DAY_MS = 24 * 3600 * 1000
#: Events are the only copy of what a portal is: a topic that forgets them sooner is no store.
SHORT_RETENTION_MS = 365 * DAY_MS
OK, FAILING, UNCHECKED = "ok", "failed", "untested"
#: What a page says for them.
HEALTH = {OK: "Answers", FAILING: "Failed", UNCHECKED: "Not checked"}


def part_health(findings: Findings, part: str) -> str:
    """Return `OK`, `FAILING` or `UNCHECKED` for the part `kafka` or `registry`."""
    found = findings.get(part)
    if not found:
        return UNCHECKED
    return FAILING if "error" in found else OK


def health(findings: Findings) -> str:
    """Return the worse of both parts."""
    parts = {part_health(findings, part) for part in PARTS}
    return next(state for state in (FAILING, UNCHECKED, OK) if state in parts)


def target_warnings(findings: Findings, *, uncommitted: bool) -> list[str]:
    """Return a sentence for each thing that would hurt events replayed to this environment.

    `uncommitted` says that its consumers read uncommitted records. Measured: a topic with a retention in days lost
    records of 400 days ago seconds after it had acknowledged them.
    """
    kafka = findings.get("kafka", {})
    found = [*_loses(kafka), *_changes(kafka)]
    if uncommitted:
        found.append("Its consumers read uncommitted records: they would act on a replay that is aborted later.")
    return found


def days(milliseconds: int) -> str:
    """Return a time as days, hours or seconds, whichever reads best."""
    for unit, size in (("day", DAY_MS), ("hour", 3600 * 1000), ("second", 1000)):
        if milliseconds >= size:
            count = f"{milliseconds / size:,.1f}".removesuffix(".0")
            return f"{count} {unit}" if count == "1" else f"{count} {unit}s"
    return f"{milliseconds} ms"


def _loses(kafka: Mapping[str, Any]) -> list[str]:
    found = []
    if "compact" in kafka.get("cleanup_policy", ""):
        found.append("The topic is compacted: of all events with one key only the last is kept.")
    if "delete" in kafka.get("cleanup_policy", ""):
        retention = kafka.get("retention_ms")
        if retention is not None and 0 <= retention < SHORT_RETENTION_MS:
            found.append(f"The topic forgets events older than {days(retention)}, soon after it took them.")
        size = kafka.get("retention_bytes")
        if size is not None and size >= 0:
            found.append(f"The topic forgets its oldest events beyond {size:,} bytes a partition.")
    return found


def _changes(kafka: Mapping[str, Any]) -> list[str]:
    found = []
    if kafka.get("message_timestamp_type") == "LogAppendTime":
        found.append("The topic replaces each event's timestamp with the time of arrival.")
    before = kafka.get("timestamp_before_max_ms")
    if before is not None and 0 <= before < SHORT_RETENTION_MS:
        found.append(f"The topic refuses events with timestamps older than {days(before)}.")
    return found
