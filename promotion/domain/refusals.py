"""Every reason why events cannot go out, collected: a person mends all of them at once, not one a run."""

from dataclasses import dataclass, field

MAX_REASONS = 100
MAX_POSITIONS = 10


@dataclass
class _Events:
    count: int = 0
    positions: list[str] = field(default_factory=list)


class Refusals:
    """Reasons with the events that have them: all are counted, the first reasons and positions are kept.

    Bounded, however many events there are: 100 reasons of 10 positions each.
    """

    def __init__(self) -> None:
        self.count = 0
        self._reasons: dict[str, _Events] = {}
        self._unlisted = 0

    def add(self, reason: str, partition: int, offset: int) -> None:
        """Note that the event from source position `partition`:`offset` is refused for `reason` (a sentence)."""
        self.count += 1
        events = self._reasons.get(reason)
        if events is None:
            if len(self._reasons) >= MAX_REASONS:
                self._unlisted += 1
                return
            events = self._reasons[reason] = _Events()
        events.count += 1
        if len(events.positions) < MAX_POSITIONS:
            events.positions.append(f"{partition}:{offset}")

    def problems(self) -> list[str]:
        """Return a sentence for each reason, with the number and the source positions of its events."""
        found = [_say(reason, events) for reason, events in self._reasons.items()]
        if self._unlisted:
            found.append(f"{self._unlisted:,} further events are refused for other reasons.")
        return found


def _say(reason: str, events: _Events) -> str:
    if events.count == 1:
        return f"Event {events.positions[0]}: {reason}"
    more = f" and {events.count - len(events.positions):,} more" if events.count > len(events.positions) else ""
    return f"{events.count:,} events ({', '.join(events.positions)}{more}): {reason}"
