"""Read an archived promotion back into the database: every row as it was."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from django.db import DataError, IntegrityError, connection, transaction

from promotion.actions import audit
from promotion.actions.archive import TABLES
from promotion.domain.archive_file import about, digest_of, rows
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import Archive, Installation, Promotion
from promotion.policy import MANAGE, Actor, require
from promotion.states import PromotionState

#: Characters of one statement's parameter, about.
_MOST = 4 * 1024 * 1024
_ROWS = "%s::jsonb"
#: What files of older versions hold otherwise: a step's headers as text, in which a backslash would not be one byte.
_OLDER = {
    "promotion_planstep": r"""
        (SELECT jsonb_agg(CASE WHEN r ->> 'headers' LIKE '[%%'
            THEN r || jsonb_build_object('headers', replace(r ->> 'headers', '\', '\\')) ELSE r END)
        FROM jsonb_array_elements(%s::jsonb) AS r)"""
}


def restore(actor: Actor, path: Path) -> Promotion:
    """Bring back what `archive` has put into the file, and return the promotion, in the state that it had.

    All or nothing; the file stays. Raises InvalidInput for a file that is no archive or not the one that was written,
    NotFound where its promotion is not archived here, Refused where what it refers to is archived itself.
    """
    require(actor, MANAGE)
    found = _archive_of(path)
    try:
        with transaction.atomic():
            kept = Archive.objects.select_for_update().select_related("promotion").get(pk=found.pk)
            _insert_all(path, kept)
            state = PromotionState(kept.state)
            Promotion.objects.move(kept.promotion_id, frozenset({PromotionState.ARCHIVED}), state)
            audit.record(actor, "restore", kept.promotion, after={"file": kept.file, "state": state.value})
            kept.delete()
    except DataError as error:
        raise InvalidInput(f"The file {path.name} holds a row that cannot be read.") from error
    except IntegrityError as error:
        raise Refused(
            f"Promotion {found.promotion_id} refers to events that are not there.",
            "Restore the promotion that it amends first.",
        ) from error
    return Promotion.objects.with_environments().get(pk=found.promotion_id)


def _archive_of(path: Path) -> Archive:
    said = about(path)
    if said.get("installation") != str(Installation.objects.get().uuid):
        raise InvalidInput(f"The file {path.name} was written by another installation.", "Restore it there.")
    found = Archive.objects.select_related("promotion").filter(pk=said.get("promotion")).first()
    if found is None:
        raise NotFound(f"Promotion {said.get('promotion')} is not archived here.", "It may have been restored already.")
    if digest_of(path) != found.sha256:
        raise InvalidInput(
            f"The file {path.name} is not the one that was written for promotion {found.promotion_id}.",
            f"Look for {found.file} with the SHA-256 {found.sha256}.",
        )
    return found


def _insert_all(path: Path, kept: Archive) -> None:
    counted: Counter[str] = Counter()
    batch: list[str] = []
    size, last = 0, ""
    for table, row in rows(path):
        if batch and (table != last or size > _MOST):
            counted[last] += _insert(last, batch)
            batch, size = [], 0
        batch.append(row)
        size, last = size + len(row), table
    if batch:
        counted[last] += _insert(last, batch)
    if dict(counted) != kept.rows:
        raise InvalidInput(f"The file {path.name} does not hold what was written into it.")


def _insert(table: str, batch: list[str]) -> int:
    if table not in TABLES:
        raise InvalidInput("The file holds rows of a table that is never archived.")
    with connection.cursor() as cursor:
        # The name is one of our own constants.
        given = _OLDER.get(table, _ROWS)
        statement = f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, {given})"  # noqa: S608
        cursor.execute(statement, [f"[{','.join(batch)}]"])
        return int(cursor.rowcount)
