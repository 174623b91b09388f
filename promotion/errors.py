"""The failures the console knows by name, lowest of all layers.

Every one carries a `message` (what is wrong, and where), a `hint` (what to do about it) and, where several things are
wrong, `problems`. All are safe to show: they hold coordinates and names, never the content of an event and never a
secret. `exit_code` is what the command line ends with; the numbers are promised in docs/automation.md and never change
their meaning.
"""

from collections.abc import Sequence
from typing import ClassVar


class PromotionError(Exception):
    """An expected failure: it is shown to the user as it stands, without a traceback."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.problems = list(problems)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidInput(PromotionError):
    """What was given cannot be used: a wrong option, a malformed value or file, an event its schema refuses."""

    exit_code = 2


class Refused(PromotionError):
    """A rule or a missing permission forbids it. `problems` names every reason, so that all are mended at once."""

    exit_code = 3


class Stale(PromotionError):
    """What was prepared no longer fits what is there now."""

    exit_code = 4


class Conflict(PromotionError):
    """Somebody else changed it first, or the same work already runs."""

    exit_code = 5


class Incomplete(PromotionError):
    """The work ended, and not everything is there: records were truncated, an outcome needs a person."""

    exit_code = 6


class Unreachable(PromotionError):
    """A cluster, a registry or another service did not answer in time."""

    exit_code = 7


class NotFound(PromotionError):
    """No such promotion, environment, event type or user, by whatever option or argument it was named."""

    exit_code = 8


class Cancelled(PromotionError):
    """A person asked the job to stop, and it did."""

    exit_code = 9


class LeaseLost(PromotionError):
    """Another worker holds this job now: stop at once and write nothing more."""
