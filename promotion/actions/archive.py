"""Put what an old promotion takes up into a compressed file, and take it out of the database; and read it back.

What is few stays: the promotion, its export's account, plans, approvals, replays, verdicts, the audit trail. What is
many goes: events and their revisions, judgements, steps, receipts, the lines of uploads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from promotion.actions import audit
from promotion.domain.archive_file import ArchiveWriter, digest_of
from promotion.errors import InvalidInput, Refused
from promotion.models import Amendment, Archive, Installation, Promotion, PromotionJob
from promotion.policy import MANAGE, Actor, require
from promotion.states import AT_REST, PromotionState

_EVENTS = "SELECT id FROM promotion_event WHERE promotion_id = %s"
_PLANS = "SELECT id FROM promotion_plan WHERE promotion_id = %s"
_ATTEMPTS = f"""
    SELECT attempt.id FROM promotion_replayattempt AS attempt JOIN promotion_replay AS replay
    ON replay.id = attempt.replay_id WHERE replay.plan_id IN ({_PLANS})
"""  # noqa: S608  nothing but constants
_UPLOADS = "SELECT id FROM promotion_upload WHERE promotion_id = %s"
#: Table -> which of its rows are the promotion's, in the order of the file. What refers comes after what it refers to.
TABLES = {
    "promotion_event": "promotion_id = %s",
    "promotion_revision": f"event_id IN ({_EVENTS})",
    "promotion_amendment": f"event_id IN ({_EVENTS})",
    "promotion_override": "promotion_id = %s",
    "promotion_judgement": f"plan_id IN ({_PLANS})",
    "promotion_planstep": f"plan_id IN ({_PLANS})",
    "promotion_receipt": f"attempt_id IN ({_ATTEMPTS})",
    "promotion_uploadline": f"upload_id IN ({_UPLOADS})",
    "promotion_uploadchunk": f"upload_id IN ({_UPLOADS})",
}
#: Rows that are fetched at once.
BATCH = 2_000


def archive(actor: Actor, promotion: Promotion, directory: Path) -> Archive:
    """Write the promotion's file into `directory`, remove from the database what is in it, and return where it is.

    All or nothing: the file is on the disk before the database's transaction ends, and is removed where that fails.
    Raises Refused where something runs, where it is not at rest, or where amendments of it are not archived yet.
    """
    require(actor, MANAGE)
    path = directory / f"promotion-{promotion.pk}-{timezone.now():%Y%m%dT%H%M%S%f}.jsonl.gz"
    try:
        with transaction.atomic():
            return _archive(actor, _locked(promotion), path)
    except OSError as error:
        raise InvalidInput(
            f"The file {path.name} cannot be written: {error.strerror}.", "Name a directory with room in it."
        ) from error


def _locked(promotion: Promotion) -> Promotion:
    """Return the promotion, locked: nobody edits it and no job starts until the transaction ends."""
    found = Promotion.objects.select_for_update().get(pk=promotion.pk)
    if found.state not in AT_REST or PromotionJob.objects.active().filter(promotion=found).exists():
        raise Refused(
            f"Promotion {found.pk} is {found.get_state_display().lower()}, or something of it runs.",
            "What is at rest can be archived: nothing runs, and no replay stands half-way.",
        )
    rounds = Amendment.objects.filter(amends__promotion=found).exclude(event__promotion=found)
    others = sorted(set(rounds.values_list("event__promotion", flat=True)))
    if others:
        raise Refused(
            f"The amendments in promotion {', '.join(map(str, others))} are about its events.",
            "Archive those promotions first.",
        )
    return found


def _archive(actor: Actor, promotion: Promotion, path: Path) -> Archive:
    counted: Counter[str] = Counter()
    try:
        with ArchiveWriter(path, _about(promotion)) as file:
            for table in TABLES:
                for row in _rows(table, promotion.pk):
                    file.row(table, row)
                    counted[table] += 1
        made = Archive.objects.create(
            promotion=promotion,
            file=path.name,
            sha256=digest_of(path),
            octets=path.stat().st_size,
            rows=dict(counted),
            state=promotion.state,
            archived_by=actor,
        )
        _remove(promotion.pk, counted)
        Promotion.objects.move(promotion.pk, AT_REST, PromotionState.ARCHIVED)
        after = {"file": made.file, "sha256": made.sha256, "rows": made.rows}
        audit.record(actor, "archive", promotion, before={"state": made.state}, after=after)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return made


def _about(promotion: Promotion) -> dict[str, Any]:
    installation = str(Installation.objects.get().uuid)
    return {"installation": installation, "promotion": promotion.pk, "tables": list(TABLES)}


def _where(table: str, promotion_id: int) -> tuple[str, list[int]]:
    where = TABLES[table]
    return where, [promotion_id] * len(re.findall("%s", where))


def _rows(table: str, promotion_id: int) -> Iterator[str]:
    """Yield the rows as JSON texts, through a cursor of the server's: a million of them take no memory here."""
    where, given = _where(table, promotion_id)
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT to_json(t)::text FROM {table} AS t WHERE {where}", given)  # noqa: S608  constants
        while batch := cursor.fetchmany(BATCH):
            yield from (row for (row,) in batch)


def _remove(promotion_id: int, counted: Counter[str]) -> None:
    """Delete what was written. What refers is deleted before what it refers to; more or fewer rows end everything."""
    with connection.cursor() as cursor:
        for table in reversed(TABLES):
            where, given = _where(table, promotion_id)
            cursor.execute(f"DELETE FROM {table} WHERE {where}", given)  # noqa: S608  constants
            if cursor.rowcount != counted[table]:
                raise Refused(f"{table} changed while it was archived.", "Nothing was archived. Try again.")
