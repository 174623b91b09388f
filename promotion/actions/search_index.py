"""The search indexes of each large promotion: what its events say, by every three characters in a row and by field.

It is made after the events were read, not while: an export is not slower for it (docs/decisions/0024-search.md). The
periodic process makes and drops them. One index for all promotions would be kept up to date by every export, and one
event more in it costs more than reading it; so each covers one promotion, and small ones are looked through.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Q
from django.utils import timezone
from psycopg import sql

from promotion.models import Promotion, PromotionJob
from promotion.states import JobKind, PromotionState

logger = logging.getLogger(__name__)

#: Seconds between two looks at what is missing or not needed any more.
INTERVAL = 30
#: Beginning of the name -> what is indexed: the text of the whole event, and the values of its fields.
INDEXES = {
    "event_search_": "upper(document::text) gin_trgm_ops",
    "event_values_": "document jsonb_path_ops",
}
#: How many promotions may have them: each index is looked at for every event that is written, whose ever it is.
MOST = 20
#: A promotion that nobody has touched for so long is looked through like a small one.
IDLE = timedelta(days=30)
#: Changing so many events at once is quicker without the index, and making it anew: each costs some milliseconds in it.
BULK = 2_000
#: Kilobytes of what was changed last, some thousand events, that are written down only and sorted in by `keep`.
PENDING = 16_384
#: The events of these are not all there yet.
_INCOMPLETE = (
    PromotionState.DRAFT, PromotionState.EXPORTING, PromotionState.EXPORT_FAILED, PromotionState.EXPORT_CANCELLED,
    PromotionState.IMPORTING, PromotionState.IMPORT_FAILED,
)  # fmt: skip
#: While one of these runs, events are read or changed by the thousand.
_BUSY = (JobKind.EXPORT, JobKind.REFRESH, JobKind.IMPORT, JobKind.AMEND, JobKind.REWRITE, JobKind.UPLOAD)
_LOCK = 0x5EA2C4  # PostgreSQL's advisory lock of whoever makes and drops
_EXISTING = """
SELECT relname, indisvalid FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid
WHERE indrelid = 'promotion_event'::regclass AND relname ~ '^event_(search|values)_[0-9]+$'
"""
_CREATE = """
CREATE INDEX CONCURRENTLY {name} ON promotion_event USING gin ({what})
WITH (gin_pending_list_limit = {pending}) WHERE promotion_id = {promotion}
"""
#: Until somebody asks for the lock that dropping needs, in milliseconds: an index that is being made has it.
_LOCK_MS = 2_000


def is_ready(promotion_id: int) -> bool:
    """Return whether the promotion has its search indexes and they can be used."""
    existing = _existing()
    return all(existing.get(name) for name in _names(promotion_id))


def is_wanted(promotion: Promotion) -> bool:
    """Return whether the promotion has so many events that searching them is slow without the index."""
    return promotion.events.order_by()[settings.SEARCH_INDEX_FROM - 1 :][:1].exists()


def keep() -> None:
    """Make the indexes that are missing and drop those that nobody needs; the periodic process calls it.

    One process at a time does so. An index that one has left half made is not valid, and is dropped first.
    """
    with _alone() as alone:
        if not alone:
            return
        existing, wanted = _existing(), _wanted()
        useful = {name for promotion_id in wanted for name in _names(promotion_id)}
        for name, valid in existing.items():
            if not valid or name not in useful:
                _drop(name)
        for promotion_id in wanted:
            _keep(promotion_id, existing)


def set_aside(promotion_id: int, changes: int) -> None:
    """Drop the index before `changes` events change at once; `keep` makes it anew. Not inside a transaction.

    Where it is being made, or somebody uses it for long, it stays, and the changes take longer.
    """
    if changes < BULK or connection.in_atomic_block:
        return
    existing = _existing()
    try:
        _run("SET lock_timeout = %s", [_LOCK_MS])
        for name in _names(promotion_id):
            if name in existing:
                _drop(name)
    except OperationalError:
        logger.info("search index of promotion %d: in use, not set aside", promotion_id)
    finally:
        _run("SET lock_timeout = 0")


def _keep(promotion_id: int, existing: dict[str, bool]) -> None:
    """Make what is missing of one promotion's; sort in what was written down only since the last time."""
    for name in _names(promotion_id):
        if existing.get(name):
            _run("SELECT gin_clean_pending_list(%s::regclass)", [name])
        elif not _busy(promotion_id):
            _make(name, promotion_id)


def _wanted() -> list[int]:
    """The promotions that are to have one, the newest first."""
    since = timezone.now() - IDLE
    busy = PromotionJob.objects.filter(queued_at__gte=since, promotion__isnull=False).values("promotion")
    used = Promotion.objects.exclude(state__in=_INCOMPLETE).filter(Q(updated_at__gte=since) | Q(pk__in=busy))
    return list(islice((each.pk for each in used.order_by("-pk") if is_wanted(each)), MOST))


def _busy(promotion_id: int) -> bool:
    return PromotionJob.objects.active().filter(promotion=promotion_id, kind__in=_BUSY).exists()


def _existing() -> dict[str, bool]:
    """Return the names of the indexes that are there, and whether each can be used."""
    with connection.cursor() as cursor:
        cursor.execute(_EXISTING)
        return dict(cursor.fetchall())


def _names(promotion_id: int) -> list[str]:
    return [f"{prefix}{promotion_id}" for prefix in INDEXES]


def _make(name: str, promotion_id: int) -> None:
    begun = timezone.now()
    what = next(each for prefix, each in INDEXES.items() if name.startswith(prefix))
    _run(
        sql.SQL(_CREATE).format(
            name=sql.Identifier(name),
            what=sql.SQL(what),
            promotion=sql.Literal(promotion_id),
            pending=sql.Literal(PENDING),
        )
    )
    logger.info("%s: made in %.1f s", name, (timezone.now() - begun).total_seconds())


def _drop(name: str) -> None:
    _run(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {name}").format(name=sql.Identifier(name)))
    logger.info("%s: dropped", name)


def _run(statement: str | sql.Composed, parameters: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the lock of this session, which PostgreSQL takes back when the process dies. Yields whether it was free."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        [free] = cursor.fetchone() or [False]
        try:
            yield bool(free)
        finally:
            if free:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
