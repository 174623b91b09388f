"""How quickly a job goes: a few looks at the clock, kept beside the job, and what rate and remaining time they say."""

from __future__ import annotations

from collections.abc import Sequence

#: A look at the clock: milliseconds since the epoch, and how much was done.
Sample = tuple[int, int]

INTERVAL_MS = 1_000
KEPT = 60
#: The rate is that of so long.
WINDOW_MS = 10_000
#: Without a sample for so long nothing has moved: a worker that is well takes one a second, or one a renewed lease.
SILENT_MS = 10_000
#: A shorter time says nothing about the time that is left.
ENOUGH_MS = 3_000


class Pace:
    """The samples of one phase of a job: at most one a second, the last sixty."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def restart(self) -> None:
        """Forget what was: something else is counted from here on."""
        self.samples.clear()

    def take(self, now: int, done: int, *, always: bool = False) -> bool:
        """Look at the clock (`now`, milliseconds) and return whether that made a sample.

        `always` makes one whenever it is asked for, and replaces the last one where that is too young.
        """
        young = bool(self.samples) and now - self.samples[-1][0] < INTERVAL_MS
        if young and not always:
            return False
        if young and len(self.samples) > 1:
            self.samples.pop()
        self.samples.append((now, done))
        del self.samples[:-KEPT]
        return True


def rate(samples: Sequence[Sample], now: int) -> float | None:
    """Return how much is done in a second, over the last ten; None where too little is known.

    Where no sample came for a while it is measured to `now` (milliseconds): a job that stands still does not keep the
    rate that it had.
    """
    return _slope(samples, now, WINDOW_MS)


def remaining(samples: Sequence[Sample], now: int, done: int, total: int | None) -> float | None:
    """Return how many seconds are left at the pace of the last minute, None where nobody can say."""
    if total is None or len(samples) < 2 or samples[-1][0] - samples[0][0] < ENOUGH_MS:
        return None
    if now - samples[-1][0] > SILENT_MS:
        return None
    speed = _slope(samples, now, KEPT * INTERVAL_MS)
    return max(0, total - done) / speed if speed else None


def about(seconds: float) -> str:
    """Return a time that is left as people would guess it: no more exact than it is known."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"about {minutes} min"
    hours, rest = divmod(round(minutes / 10) * 10, 60)
    return f"about {hours:,} h" + (f" {rest} min" if rest else "")


def silent_for(samples: Sequence[Sample], now: int) -> int | None:
    """Return for how many seconds nothing has moved; None where that is not long."""
    if not samples or now - samples[-1][0] <= SILENT_MS:
        return None
    return (now - samples[-1][0]) // 1_000


def _slope(samples: Sequence[Sample], now: int, window: int) -> float | None:
    if len(samples) < 2:
        return None
    end, done = samples[-1]
    if now - end > SILENT_MS:
        end = now
    within = [sample for sample in samples[:-1] if end - sample[0] <= window]
    began, had = within[0] if within else samples[-2]
    return (done - had) / (end - began) * 1_000 if end > began and done >= had else None
