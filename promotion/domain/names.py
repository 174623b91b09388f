"""An event type's name taken apart: `ApiRuleCreatedEvent` is Created on an ApiRule."""

from typing import NamedTuple

ACTIONS = (
    "Created", "Updated", "Deleted", "Onboarded", "Confirmed", "Verified", "Forgot", "Reset", "Changed", "Locked",
    "Unlocked", "Cancelled", "Delivered", "Switched", "Sent", "Rotated", "Registered", "Deregistered", "Moved",
)  # fmt: skip
_LONGEST_FIRST = sorted(ACTIONS, key=len, reverse=True)
_SUFFIX = "Event"


class EventName(NamedTuple):
    """What happened to what; `action` is empty where the name ends with none that is known."""

    aggregate: str
    action: str


def split_name(name: str) -> EventName:
    """Return aggregate and action of a type's short or full name, by the longest action that it ends with."""
    short = name.rpartition(".")[2].removesuffix(_SUFFIX)
    for action in _LONGEST_FIRST:
        if short.endswith(action) and short != action:
            return EventName(short.removesuffix(action), action)
    return EventName(short, "")
