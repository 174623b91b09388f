"""What all runs in a directory have done together: kept in a file after every step, so that a killed run counts too."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from portal_admin.embedded.secrets import write_private
from tests.chaos.judge import Verdict

_COUNTERS = ("tally", "transactions", "started_again", "ended_alone")


@dataclass
class Totals:
    """`tally` has a number for every kind of attack, `transactions` one for every outcome, `started_again` and
    `ended_alone` one for every reason why a person, or whoever runs the processes, would have had to do something.
    `misreported` is what the console said that is not so, `under_way` the round that has not been judged yet.
    """

    kills: int = 0
    events: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    altered: int = 0
    naive_duplicated: int = 0
    naive_kills: int = 0
    naive_events: int = 0
    replays: int = 0
    replays_in_batches: int = 0
    runs: int = 0
    seconds: float = 0.0
    seed: int = field(default_factory=lambda: random.randrange(10**6))
    tally: Counter[str] = field(default_factory=Counter)
    transactions: Counter[str] = field(default_factory=Counter)
    started_again: Counter[str] = field(default_factory=Counter)
    ended_alone: Counter[str] = field(default_factory=Counter)
    misreported: list[str] = field(default_factory=list)
    under_way: dict[str, Any] | None = None

    @classmethod
    def load(cls, file: Path) -> Self:
        """Those of `file`; all 0 where there is none."""
        if not file.exists():
            return cls()
        kept = json.loads(file.read_text())
        counters = {name: Counter(kept[name]) for name in _COUNTERS}
        return cls(**(kept | counters))

    def to_json(self) -> str:
        return json.dumps(vars(self), indent=2)

    def save(self, file: Path) -> None:
        """Write all of it or nothing."""
        write_private(file, f"{self.to_json()}\n")

    def add(self, verdict: Verdict) -> None:
        self.events += verdict.events
        self.lost += verdict.lost
        self.duplicated += verdict.duplicated
        self.reordered += verdict.reordered
        self.altered += verdict.altered

    @property
    def faultless(self) -> bool:
        """Whether nothing at all went wrong, and the same judge saw what the naive order does."""
        wrong = self.lost or self.duplicated or self.reordered or self.altered or self.misreported
        return not wrong and self.naive_duplicated > 0
