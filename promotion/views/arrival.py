"""How the events of a replay lie over the target's partitions: planned, committed, and found there again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promotion.actions.replay_spread import Spread, spread
from promotion.models import PromotionJob, Replay
from promotion.states import JobKind, JobState

#: So many steps are counted while a page waits; of more only what the job has kept is shown.
COUNTED_HERE = 20_000
MOST_BARS = 16
WIDTH = 1_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One partition of the target; `verified` is None where the target was not read back since."""

    partition: int
    planned: int
    committed: int
    verified: int | None
    committed_width: int
    verified_width: int
    width: int

    @property
    def says(self) -> str:
        """The bar in words."""
        found = "" if self.verified is None else f", {self.verified:,} verified"
        return f"{self.planned:,} planned, {self.committed:,} committed{found}"


def arrivals(replay: Replay) -> dict[str, Any] | None:
    """Return the partitions of `replay`, None where nobody knows them cheaply: of a large, old one."""
    known = _kept(replay) or (spread(replay.plan, replay.committed) if _small(replay) else None)
    if not known:
        return None
    found = _found(replay)
    longest = max(planned for _, _, planned in known.values()) or 1
    rows = [
        Arrival(
            partition=partition,
            planned=planned,
            committed=committed,
            verified=None if found is None else found.get(str(partition), 0),
            committed_width=committed * WIDTH // longest,
            verified_width=0 if found is None else min(found.get(str(partition), 0), planned) * WIDTH // longest,
            width=planned * WIDTH // longest,
        )
        for partition, (committed, _, planned) in sorted(known.items())
    ]
    return {"rows": rows, "bars": rows[:MOST_BARS], "more": max(0, len(rows) - MOST_BARS), "width": WIDTH,
            "verified": found is not None}  # fmt: skip


def _kept(replay: Replay) -> Spread | None:
    """What the newest job that replayed has kept, if it says the same as the replay itself."""
    jobs = PromotionJob.objects.filter(promotion=replay.plan.promotion_id, kind=JobKind.REPLAY).exclude(positions={})
    for positions in jobs.values_list("positions", flat=True)[:1]:
        known = {int(partition): list(numbers) for partition, numbers in positions.items()}
        committed = sum(numbers[0] for numbers in known.values())
        planned = sum(numbers[2] for numbers in known.values())
        if (committed, planned) == (replay.committed, replay.plan.steps_count):
            return known
    return None


def _small(replay: Replay) -> bool:
    return replay.plan.steps_count <= COUNTED_HERE


def _found(replay: Replay) -> dict[str, int] | None:
    """What the newest verification has found of it, by partition."""
    newest = replay.verifications.first()
    if newest is None:
        return None
    jobs = PromotionJob.objects.filter(
        promotion=replay.plan.promotion_id, kind=JobKind.VERIFY, state=JobState.SUCCEEDED, arguments__has_key="found"
    )
    job = jobs.first()
    if job is None or sum(job.arguments["found"].values()) != newest.found:
        return None
    found: dict[str, int] = job.arguments["found"]
    return found
