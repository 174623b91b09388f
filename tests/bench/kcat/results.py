"""What was measured: for each work the seconds of ours and of the peer, run by run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Work:
    """A line of the table: what it is, what it is compared with, and at most how many times as long it should take."""

    title: str
    peer: str = ""
    target: float | None = None


READING = "`kcat -C`, the same topic"
JQ = "`jq -c .`, the same events"
#: In the order of the table. Those that the issue's JSON has come first; `one` is with one worker instead of two.
WORKS = {
    "export_5": Work("export, 5 % promotable, everything accounted for", READING, 3.0),
    "export_100": Work("export, 100 % promotable", READING, 8.0),
    "replay": Work("replay of the frozen plan with receipts, transactional", "`kcat -P`, the same records", 6.0),
    "replay_headers": Work("the same replay, beside a peer that writes headers too", "`kcat -P` with as many headers"),
    "verify": Work("verification: the target read back and compared", READING, 6.0),
    "plan": Work("plan of the 5 % against a target that holds the 100 %", READING, 12.0),
    "plan_all": Work("plan of the 100 % against an empty target", READING),
    "export_5_one": Work("export, 5 % promotable, one worker", READING, 3.0),
    "export_100_one": Work("export, 100 % promotable, one worker", READING, 8.0),
    "verify_one": Work("verification, one worker", READING, 6.0),
    "rule": Work("one rule that changes all of the 100 %", JQ),
    "download": Work("download of the 100 % as JSON lines", JQ),
    "upload": Work("upload of that file, compared line by line", JQ),
}  # fmt: skip
REQUIRED = ("export_5", "export_100", "replay", "verify", "plan")
#: What is done with four times the events as well.
GROWING = (*REQUIRED, "plan_all")
MEMORY_TARGET = 400 * 1024**2
#: Four times the events may take so many times as long.
GROWTH_TARGET = 4.4


@dataclass
class Results:
    """`ours` and `peer` are seconds by work; `memory` the most bytes that a worker had, by work.

    `bytes` are what the database grew by for each event: `kept` by an export, `planned` by a plan, `replayed` by a
    replay with its verification.
    """

    events: int
    ours: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    peer: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, float] = field(default_factory=dict)

    def ratio(self, name: str) -> float | None:
        """How many times as long as the peer ours takes; None where one of the two was not measured."""
        if not self.ours.get(name) or not self.peer.get(name):
            return None
        return median(self.ours[name]) / median(self.peer[name])

    @property
    def most_memory(self) -> int:
        """The most bytes that a worker had."""
        return max(self.memory.values(), default=0)

    def ratios(self) -> dict[str, float | None]:
        """What `--json` writes."""
        found = {name: self.ratio(name) for name in REQUIRED}
        rounded = {name: None if ratio is None else round(ratio, 3) for name, ratio in found.items()}
        return rounded | {"rss_mb": round(self.most_memory / 1024**2, 1)}

    def to_json(self) -> dict[str, Any]:
        """Every run of everything."""
        return {**vars(self), "ours": dict(self.ours), "peer": dict(self.peer)}
