"""Which keys the records had in the source, and which they get in the target: what becomes of their order.

Kafka keeps the order of one key, nothing else. Where several keys become one, the order among them is the plan's merge
order, by timestamp; where one key becomes several, its events have no order among each other any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promotion.domain.octets import shown

#: Different pairs of keys that are counted, and bytes of all their keys; a table of any size stays in memory so.
MOST_PAIRS, MOST_BYTES = 100_000, 32 * 1024 * 1024
#: New keys, old keys of one of them, old keys that are split, types without a key: what a plan keeps for its page.
MOST_KEYS, MOST_OLD, MOST_SPLIT, MOST_TYPES = 200, 10, 50, 50
MAX_SHOWN_BYTES = 120
Key = bytes | None


@dataclass
class KeyMoves:
    """Counts events by their old and new key. Bounded: pairs beyond 100,000 are only counted as events."""

    _pairs: Counter[tuple[Key, bytes]] = field(default_factory=Counter)
    _without: dict[str, list[Any]] = field(default_factory=dict)
    _events: int = 0
    _changed: int = 0
    _kept_bytes: int = 0
    _uncounted: int = 0

    def add(self, old: Key, new: bytes) -> None:
        """Take one outgoing record; `old` is None where it had no key in the source."""
        self._events += 1
        self._changed += old != new
        pair = old, new
        if pair not in self._pairs:
            size = len(old or b"") + len(new)
            if len(self._pairs) >= MOST_PAIRS or self._kept_bytes + size > MOST_BYTES:
                self._uncounted += 1
                return
            self._kept_bytes += size
        self._pairs[pair] += 1

    def add_without(self, type_name: str, helps: str) -> None:
        """Take one event that the target's key cannot be told of; `helps` says what would give its type one."""
        self._without.setdefault(type_name, [0, helps])[0] += 1

    def to_json(self) -> dict[str, Any]:
        """Return what a plan keeps: totals over all keys, the largest of them, and the types without a key.

        {"events", "changed", "new", "old", "merged", "split", "complete", "keys": [{"key", "hex", "events", "old":
        [...], "more_old"}], "split_keys": [{"key", "hex", "events", "into"}], "without": {"events", "types": [{"type",
        "events", "helps"}]}}. Not `complete`: the numbers of keys are at least these. A key that is not UTF-8 is shown
        in hex digits; one that there was not is null.
        """
        by_new: dict[bytes, Counter[Key]] = defaultdict(Counter)
        by_old: dict[Key, Counter[bytes]] = defaultdict(Counter)
        for (old, new), events in self._pairs.items():
            by_new[new][old] += events
            by_old[old][new] += events
        split = {old: into for old, into in by_old.items() if old is not None and len(into) > 1}
        largest = sorted(by_new.items(), key=lambda each: (-each[1].total(), each[0]))
        torn = sorted(split.items(), key=lambda each: (-each[1].total(), each[0]))
        return {
            "events": self._events,
            "changed": self._changed,
            "new": len(by_new),
            "old": len(by_old.keys() - {None}),
            "merged": sum(len(old) > 1 for old in by_new.values()),
            "split": len(split),
            "complete": not self._uncounted,
            "keys": [_new_key(new, old) for new, old in largest[:MOST_KEYS]],
            "split_keys": [_key(old, into.total()) | {"into": len(into)} for old, into in torn[:MOST_SPLIT]],
            "without": self._types_without(),
        }

    def _types_without(self) -> dict[str, Any]:
        counted = sorted(self._without.items(), key=lambda each: (-each[1][0], each[0]))
        types = [{"type": name, "events": events, "helps": helps} for name, (events, helps) in counted[:MOST_TYPES]]
        return {"events": sum(events for _, (events, _) in counted), "types": types}


def sentences(keys: Mapping[str, Any]) -> list[str]:
    """Return what to tell people of `KeyMoves.to_json()` before they go on; empty where each key stays one key."""
    least, merged, split = "" if keys["complete"] else "at least ", keys["merged"], keys["split"]
    found = []
    if merged:
        takes = "key takes" if merged == 1 else "keys take"
        found.append(
            f"{least}{merged:,} new {takes} over the events of several old ones: their order among each other is the "
            "plan's, by timestamp."
        )
    if split:
        found.append(
            f"The events of {least}{split:,} old {'key' if split == 1 else 'keys'} are spread over several new ones: "
            "their order among each other is no longer kept."
        )
    return [said[0].upper() + said[1:] for said in found]


def _new_key(new: bytes, old: Counter[Key]) -> dict[str, Any]:
    largest = sorted(old.items(), key=lambda each: (-each[1], each[0] or b""))
    before = [_key(key, events) for key, events in largest[:MOST_OLD]]
    return _key(new, old.total()) | {"old": before, "more_old": max(0, len(old) - MOST_OLD)}


def _key(key: Key, events: int) -> dict[str, Any]:
    if key is None:
        return {"key": None, "hex": False, "events": events}
    octets = shown(key, MAX_SHOWN_BYTES)
    return {"key": octets.text if octets.whole else f"{octets.text}…", "hex": octets.hex, "events": events}
