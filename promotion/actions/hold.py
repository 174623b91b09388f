"""To hold a row with a lease while working on it: what the lease of a job and that of a part of one have in common.

A lease is a token and a time in the row. A thread of the holder renews it on a database connection of its own, learns
of a cancel request, and notices when another worker has taken over.
"""

from __future__ import annotations

import logging
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from promotion.errors import Cancelled, LeaseLost
from promotion.models import Promotion, PromotionJob

logger = logging.getLogger(__name__)


def lease_end(now: datetime | None = None) -> datetime:
    """Return when a lease that is taken or renewed `now` runs out."""
    return (now or timezone.now()) + timedelta(seconds=settings.LEASE_SECONDS)


class Hold(ABC):
    """A claimed row while its holder works. Use as a context manager; `job` is the job's row as it was when claimed."""

    def __init__(self, job: PromotionJob, token: uuid.UUID) -> None:
        self.job = job
        self.token = token
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, name="lease", daemon=True)

    def __enter__(self) -> Self:
        if self.job.cancel_requested_by_id is not None:  # asked of the holder before, who died of something else
            self._cancelled.set()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def promotion(self) -> Promotion:
        """The promotion that the job is about; not for the check of an environment."""
        assert self.job.promotion is not None, "a job of this kind has a promotion"
        return self.job.promotion

    def check(self) -> None:
        """Raise LeaseLost if another worker took over, Cancelled if somebody asked to stop. Cheap: call it often."""
        if self._lost.is_set():
            raise self._loss()
        if self._cancelled.is_set():
            raise Cancelled("Cancelled on request.")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open a transaction that holds the row and is sure of the lease. Raises LeaseLost, writes nothing then.

        Nothing inside may call Kafka: the row lock is held until the end.
        """
        with transaction.atomic():
            if not self._held().select_for_update().values_list("pk").first():
                raise self._loss()
            yield

    @abstractmethod
    def _held(self) -> QuerySet[Any, Any]:
        """The row, as long as it is this holder's."""

    def _noticed(self) -> dict[str, Any]:
        """What is written into the row with each renewal."""
        return {}

    def _loss(self) -> LeaseLost:
        return LeaseLost(f"Job {self.job.pk} is held by another worker.")

    def _renew_until_stopped(self) -> None:
        interval = settings.LEASE_SECONDS / 5
        while not self._stop.wait(interval) and not self._lost.is_set():
            try:
                self._renew()
            except DatabaseError as error:
                # A restarting database is no reason to stop: the token decides at the next write.
                logger.warning("job %s: lease not renewed: %s", self.job.pk, type(error).__name__)
                connection.close()
        connection.close()

    def _renew(self) -> None:
        if self._held().update(lease_until=lease_end(), **self._noticed()) != 1:
            self._lost.set()
        elif PromotionJob.objects.filter(pk=self.job.pk, cancel_requested_by__isnull=False).exists():
            self._cancelled.set()
