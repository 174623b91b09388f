"""What an export takes of a topic: types, hosts, users, a time range, offsets. Everything given must fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

MAX_NAMES = 1_000


@dataclass(frozen=True)
class ExportFilter:
    """Empty means everything. Times are milliseconds since the epoch, `since` inclusive, `until` exclusive.

    `offsets` maps a partition to (start, end), end exclusive and None for 'to the end'; where it is not empty,
    partitions that it does not name are not read.
    """

    types: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    offsets: Mapping[int, tuple[int, int | None]] = field(default_factory=dict)

    def takes_type(self, full_name: str) -> bool:
        """Whether events of this type are wanted."""
        return not self.types or full_name in self.types

    def takes_time(self, timestamp: int) -> bool:
        """Whether a record of this timestamp (ms) is wanted."""
        return (self.since is None or timestamp >= self.since) and (self.until is None or timestamp < self.until)

    def takes(self, host: str, user: str) -> bool:
        """Whether an event of this host and user is wanted; empty where the event has none."""
        return (not self.hosts or host in self.hosts) and (not self.users or user in self.users)

    def to_json(self) -> dict[str, Any]:
        """Return what the database stores; only what is set."""
        values = {key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(self).items()}
        values["offsets"] = {str(partition): list(span) for partition, span in self.offsets.items()}
        return {key: value for key, value in values.items() if value not in (None, [], {})}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the filter that `to_json` wrote. Raises ValueError, with a sentence, where it cannot be one."""
        unknown = set(values) - {"types", "hosts", "users", "since", "until", "offsets"}
        if unknown:
            raise ValueError(f"Unknown filter: {', '.join(sorted(unknown))}.")
        since, until = values.get("since"), values.get("until")
        if since is not None and until is not None and since >= until:
            raise ValueError("The time range ends before it starts.")
        return cls(
            types=_names(values, "types"),
            hosts=_names(values, "hosts"),
            users=_names(values, "users"),
            since=since,
            until=until,
            offsets={int(partition): _span(partition, span) for partition, span in values.get("offsets", {}).items()},
        )


def _names(values: Mapping[str, Any], key: str) -> frozenset[str]:
    names = values.get(key, [])
    if len(names) > MAX_NAMES:
        raise ValueError(f"{key}: at most {MAX_NAMES} names, not {len(names)}.")
    return frozenset(names)


def _span(partition: str, span: tuple[int, int | None]) -> tuple[int, int | None]:
    start, end = span
    if start < 0 or (end is not None and end < start):
        raise ValueError(f"Partition {partition}: the offsets {start} to {end} are no range.")
    return start, end
