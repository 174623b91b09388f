"""What people choose when they ask for a plan; frozen into it, and shown to whoever approves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

MOST_BATCH = 1_000_000
MOST_RATE = 1_000_000
MOST_PAUSE_SECONDS = 3_600
#: What is proposed where the target's consumers read uncommitted records: so many at most are seen twice.
SMALL_BATCH = 200


class Policy(StrEnum):
    """What becomes of a number or a time that the source gave an event."""

    KEEP = "keep"
    #: Nonces: the target's own sequence of that user goes on.
    CONTINUE = "continue"
    #: Timestamps: the plan's frozen time of replay.
    REPLAY = "replay"


class Mode(StrEnum):
    """How the records are committed: in one transaction, or in one after the other."""

    ALL = "all"
    BATCHES = "batches"


@dataclass(frozen=True, slots=True)
class PlanChoices:
    """`nonce` is keep or continue; `kafka_timestamp` and `event_timestamp` are keep or replay.

    In batches: at most `batch_size` records a transaction, at most `rate` records a second (0: no limit) and
    `pause_seconds` between two transactions. `accept_incomplete`: the export lacks records that retention took;
    `accept_partitions`: source and target have different numbers of partitions. ValueError names what does not fit.
    """

    nonce: Policy = Policy.CONTINUE
    kafka_timestamp: Policy = Policy.KEEP
    event_timestamp: Policy = Policy.KEEP
    mode: Mode = Mode.ALL
    batch_size: int = 1_000
    rate: int = 0
    pause_seconds: float = 0.0
    register_versions: bool = False
    accept_incomplete: bool = False
    accept_partitions: bool = False

    def __post_init__(self) -> None:
        if self.nonce not in (Policy.KEEP, Policy.CONTINUE):
            raise ValueError("The nonces are kept or continued.")
        if Policy.CONTINUE in (self.kafka_timestamp, self.event_timestamp):
            raise ValueError("A timestamp is kept or becomes the time of replay.")
        for name, value, least, most in (
            ("batch size", self.batch_size, 1, MOST_BATCH),
            ("rate", self.rate, 0, MOST_RATE),
            ("pause", self.pause_seconds, 0, MOST_PAUSE_SECONDS),
        ):
            if not least <= value <= most:
                raise ValueError(f"The {name} must be {least:,} to {most:,}, not {value}.")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the choices of a plan's or a job's JSON; what is not named has its default."""
        known = {item.name for item in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        for name, kind in (("nonce", Policy), ("kafka_timestamp", Policy), ("event_timestamp", Policy), ("mode", Mode)):
            if name in given:
                given[name] = kind(given[name])
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self).items()}
