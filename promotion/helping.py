"""Help with the parts of a job that another worker has taken, until there are none or something else has to be done."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
from django.db import InterfaceError, OperationalError, connection

from promotion import entries
from promotion.actions.part_lease import PartLease, claim_another
from promotion.actions.parts import Do
from promotion.errors import Cancelled, LeaseLost, PromotionError
from promotion.models import PromotionJob

logger = logging.getLogger(__name__)

#: Opens what a worker needs to do parts of a job, the first of which it holds already, and gives what does one.
Opener = Callable[[PartLease], AbstractContextManager[Do]]
#: A server that restarts ends its sessions; inside of COPY the driver's own error comes through.
DATABASE_GONE = (OperationalError, InterfaceError, psycopg.OperationalError)
#: How often a worker that helps looks whether it is wanted elsewhere.
LOOK_SECONDS = 1.0


class OthersWait(Exception):
    """A job that nobody has taken waits for a worker: more urgent than a part of one that somebody works on."""


def help_with(first: PartLease, opener: Opener) -> bool:
    """Do the part `first` and then others of its job; return whether it was left for a job that waits.

    What goes wrong ends no job: it is left to the job's own worker, who meets it too and says it, or does not.
    """
    at = _At(first)
    try:
        with first, opener(first) as do:
            at.work(do)
    except OthersWait:
        logger.info("%s: left where it stands, another job waits", at)
        at.part.hand_over(left=False)
        return True
    except (LeaseLost, Cancelled) as error:
        logger.info("%s: %s", at, error.message)
    except DATABASE_GONE as error:
        logger.warning("%s: the database went away (%s)", at, type(error).__name__)
        connection.close()
    except PromotionError as error:
        logger.warning("%s: %s", at, error.message)
        at.part.hand_over(left=True)
    except Exception as error:
        log_unexpected(first.job, error)
        at.part.hand_over(left=True)
    return False


def log_unexpected(job: PromotionJob, error: Exception) -> None:
    """Log a foreign exception. Its message may quote an event: only its type and where it came from are logged."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("job %s: unexpected %s\n%s", job.pk, type(error).__name__, where)


class _At:
    """The part that a helper is at, and when it last looked whether it is wanted elsewhere."""

    def __init__(self, part: PartLease) -> None:
        self.part = part
        self._looked = time.monotonic()

    def __str__(self) -> str:
        return f"job {self.part.job.pk}: part {self.part.part.number}"

    def work(self, do: Do) -> None:
        """Do the part, which is held already, and others until there are none. Raises OthersWait and what `do` does."""
        do(self.part, self._look)
        while True:
            self._look()
            another = claim_another(self.part)
            if another is None:
                return
            self.part = another
            with another:
                do(another, self._look)

    def _look(self) -> None:
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            if entries.waiting("quick", "default"):
                raise OthersWait
