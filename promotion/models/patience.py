"""A bound on how long PostgreSQL may look: a page says what it has rather than let somebody wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TooSlow(Exception):
    """What was asked for takes longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let each query inside take at most `seconds`, and then raise TooSlow. Only for queries that change nothing."""
    try:
        with transaction.atomic():
            _limit(max(1, round(seconds * 1_000)))
            yield
            # Where this is part of a larger transaction, the rest of it has all the time there is.
            _limit(0)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        raise TooSlow from error


def _limit(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
