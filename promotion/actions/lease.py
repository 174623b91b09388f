"""A worker's lease on a job: only its holder writes, and a dead holder is replaced.

The lease is a token and a time in the job's row (`Hold`). Writes happen inside `Lease.writing()`, which locks the row
and compares the token: a worker that was cut off for a while and comes back cannot write over its successor. Kafka has
its own fence for what goes there (docs/decisions/0004).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import F, QuerySet
from django.utils import timezone

from promotion.actions.hold import Hold, lease_end
from promotion.domain.pace import Pace
from promotion.models import PromotionJob
from promotion.states import JobState

#: By partition: where it started, where it is, where it ends.
Positions = Mapping[int, Sequence[int]]
#: Of more partitions the first ones are kept.
MOST_PARTITIONS = 1_000


def claim(job_id: uuid.UUID) -> uuid.UUID | None:
    """Take the job: a queued one, or a running one whose lease ran out. Return the token, None if it is not to have."""
    token = uuid.uuid4()
    now = timezone.now()
    values = {"lease_token": token, "lease_until": lease_end(now), "attempts": F("attempts") + 1, "pace": []}
    queued = PromotionJob.objects.filter(pk=job_id, state=JobState.QUEUED)
    if queued.update(state=JobState.RUNNING, started_at=now, **values) == 1:
        return token
    return token if PromotionJob.objects.abandoned().filter(pk=job_id).update(**values) == 1 else None


def end_frozen_sessions() -> None:
    """Have PostgreSQL end this process's sessions when it stands still inside a transaction, from the next one on.

    A worker that freezes (a suspended machine, a cut network) may hold the row of its job: whoever claims the job would
    wait for that lock, long after the lease has run out. Three leases are more than any pause inside our transactions.
    """
    options = connections.settings["default"].setdefault("OPTIONS", {})
    limits = {
        "idle_in_transaction_session_timeout": 3 * settings.LEASE_SECONDS * 1000,
        # Of a machine that is gone the database hears nothing at all, for two hours by default.
        "tcp_keepalives_idle": 10,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
    }
    given = [options["options"]] if options.get("options") else []
    options["options"] = " ".join([*given, *(f"-c {name}={value}" for name, value in limits.items())])


class Lease(Hold):
    """A claimed job while it runs. Use as a context manager; `job` is the row as it was when claimed."""

    def __init__(self, job: PromotionJob, token: uuid.UUID) -> None:
        super().__init__(job, token)
        self._noted: dict[str, int] | None = None
        self._pace, self._total = Pace(), job.total

    def progress(
        self,
        done: int,
        total: int | None = None,
        phase: str | None = None,
        *,
        octets: int | None = None,
        positions: Positions | None = None,
    ) -> None:
        """Set what the progress bar shows: `done` of `total` in records, bytes, positions. Raises like `check`.

        A phase that begins at 0 without a total has none until one is given; bytes and positions are those of a phase.
        """
        self.check()
        self.tell(done, total, phase, octets=octets, positions=positions)

    def tell(
        self,
        done: int,
        total: int | None = None,
        phase: str | None = None,
        *,
        octets: int | None = None,
        positions: Positions | None = None,
    ) -> None:
        """Do what `progress` does without looking whether to stop: for inside `writing`, with what it tells of."""
        self._noted = None
        values = self._begun(done, total, phase) | {"done": done}
        if octets is not None:
            values["octets"] = octets
        ended = total is None and self._total is not None and done >= self._total
        # Once a second is enough for what people look at, and keeps the row small to write.
        if self._pace.take(time.time_ns() // 1_000_000, done, always=ended) or "total" in values:
            values["pace"] = self._pace.samples
            if positions is not None:
                values["positions"] = {str(p): list(at) for p, at in list(positions.items())[:MOST_PARTITIONS]}
        PromotionJob.objects.filter(pk=self.job.pk, lease_token=self.token).update(**values)

    def note(self, done: int, octets: int = 0) -> None:
        """Say how far it is from inside a transaction: the lease's thread writes it down. Raises like `check`.

        A row that the transaction itself wrote would be locked until its end, and the lease could not be renewed.
        """
        self.check()
        self._noted = {"done": done, "octets": octets}

    def _begun(self, done: int, total: int | None, phase: str | None) -> dict[str, Any]:
        """What has to be forgotten of a phase that is over: where something else is counted, or from the start."""
        samples = self._pace.samples
        new = phase is not None and done == 0 and total is None
        values: dict[str, Any] = {} if phase is None else {"phase": phase}
        if new or (total is not None and total != self._total) or (samples and done < samples[-1][1]):
            self._total = total if new or total is not None else self._total
            self._pace.restart()
            values |= {"total": self._total, "octets": 0, "positions": {}}
        return values

    def _held(self) -> QuerySet[PromotionJob]:
        return PromotionJob.objects.filter(pk=self.job.pk, lease_token=self.token, state=JobState.RUNNING)

    def _noticed(self) -> dict[str, Any]:
        noted: dict[str, Any] = dict(self._noted or {})
        if noted:
            self._pace.take(time.time_ns() // 1_000_000, noted["done"])
            noted["pace"] = list(self._pace.samples)
        return noted
