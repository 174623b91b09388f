"""An archived promotion leaves the database, and comes back to the byte."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from promotion import jobs
from promotion.actions.archive import TABLES, archive
from promotion.actions.restore import restore
from promotion.actions.verify import request_verify
from promotion.domain.archive_file import digest_of
from promotion.domain.packed_headers import HeaderUnpacker, packed
from promotion.domain.record import Headers, pack_headers
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import Archive, AuditEntry, Event, PlanStep, Promotion, PromotionJob
from promotion.states import JobKind, JobState, PromotionState
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def manager() -> User:
    return cast.user("manager")


@pytest.fixture
def verified(replayed: Promotion) -> Promotion:
    """The replayed promotion after the verification that follows by itself: at rest."""
    for job in PromotionJob.objects.active():
        jobs.run(str(job.pk))
    return replayed


def everything() -> dict[str, list[str]]:
    """Every row of the tables that are archived, as PostgreSQL writes it."""
    with connection.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1")
            found[table] = [row for (row,) in cursor.fetchall()]
        return found


def test_what_is_archived_is_gone_and_comes_back_to_the_byte(
    verified: Promotion, manager: User, tmp_path: Path
) -> None:
    event = verified.events.in_order()[0]
    Event.objects.filter(pk=event.pk).update(document={"n": 1, "text": 'a \\ " \n \u2028 line', "deep": [{"x": None}]})
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE promotion_event SET document = jsonb_set(document, '{n}', '12345678901234567890.10') WHERE id = %s",
            [event.pk],
        )
    before = everything()
    assert before["promotion_event"]
    assert before["promotion_receipt"]
    made = archive(manager, verified, tmp_path)
    assert not any(everything().values())
    assert (tmp_path / made.file).stat().st_mode & 0o777 == 0o600
    verified.refresh_from_db()
    assert verified.state == PromotionState.ARCHIVED
    assert made.rows["promotion_event"] == len(before["promotion_event"])
    again = restore(manager, tmp_path / made.file)
    assert everything() == before
    assert again.state == PromotionState.REPLAYED
    assert not Archive.objects.exists()
    verbs = AuditEntry.objects.filter(object_id=str(verified.pk)).values_list("verb", flat=True)
    assert {"archive", "restore"} <= set(verbs)


def test_a_file_of_an_older_version_with_headers_as_text_is_read(
    verified: Promotion, manager: User, tmp_path: Path
) -> None:
    odd: Headers = (('a\0ä\\"[', b"\0\xff"), ("none", None), ("\\x5b", b""))
    PlanStep.objects.filter(ordinal=0).update(headers=packed(odd).data)
    PlanStep.objects.filter(ordinal=1).update(headers=b"")
    before = [headers_of(step) for step in PlanStep.objects.order_by("ordinal")]
    made = archive(manager, verified, tmp_path)
    path = tmp_path / made.file
    lines = [_as_before(line) for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)]
    assert any(b'"headers": "[[' in line for line in lines)
    path.write_bytes(gzip.compress(b"".join(lines)))
    Archive.objects.update(sha256=digest_of(path))
    restore(manager, path)
    assert [headers_of(step) for step in PlanStep.objects.order_by("ordinal")] == before


def headers_of(step: PlanStep) -> Headers:
    return tuple(HeaderUnpacker().unpack(bytes(step.headers)))


def _as_before(line: bytes) -> bytes:
    """A line of the file with a step's headers as text, as they were written before they were bytes."""
    if not line.startswith(b'["promotion_planstep"'):
        return line
    table, row = json.loads(line)
    segment = bytes.fromhex(row["headers"].removeprefix("\\x"))
    row["headers"] = pack_headers(tuple(HeaderUnpacker().unpack(segment)))
    return f'["{table}", {json.dumps(row)}]\n'.encode()


def test_another_promotion_keeps_everything(verified: Promotion, manager: User, tmp_path: Path) -> None:
    other = cast.promotion()
    cast.event(other)
    archive(manager, verified, tmp_path)
    assert other.events.count() == 1


def test_nothing_starts_from_an_archived_promotion(verified: Promotion, manager: User, tmp_path: Path) -> None:
    archive(manager, verified, tmp_path)
    verified.refresh_from_db()
    with pytest.raises(Refused):
        request_verify(manager, verified)
    with pytest.raises(Refused, match="archived"):
        archive(manager, verified, tmp_path)


def test_the_list_of_events_says_that_they_are_in_the_archive(
    client: Client, verified: Promotion, manager: User, tmp_path: Path
) -> None:
    archive(manager, verified, tmp_path)
    client.force_login(manager)
    page = client.get(reverse("promotion:events", args=[verified.pk])).content.decode()
    assert "Its events are in its archive" in page
    assert "No events yet" not in page


def test_what_runs_is_not_archived_and_no_file_is_left(verified: Promotion, manager: User, tmp_path: Path) -> None:
    PromotionJob.objects.create(kind=JobKind.VERIFY, promotion=verified, requested_by=manager, state=JobState.QUEUED)
    with pytest.raises(Refused, match="runs"):
        archive(manager, verified, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_loses_nothing(verified: Promotion, manager: User, tmp_path: Path) -> None:
    before = everything()
    with pytest.raises(InvalidInput, match="cannot be written"):
        archive(manager, verified, tmp_path / "nowhere")
    assert everything() == before


def test_a_file_that_was_changed_is_refused_and_changes_nothing(
    verified: Promotion, manager: User, tmp_path: Path
) -> None:
    made = archive(manager, verified, tmp_path)
    path = tmp_path / made.file
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    changed = tmp_path / "changed.jsonl.gz"
    changed.write_bytes(gzip.compress(b"".join(lines[:-1])))
    with pytest.raises(InvalidInput, match="not the one"):
        restore(manager, changed)
    for content in (b"", b"no gzip", gzip.compress(b"{}\n"), path.read_bytes()[:200]):
        changed.write_bytes(content)
        with pytest.raises(InvalidInput):
            restore(manager, changed)
    assert not any(everything().values())
    restore(manager, path)
    with pytest.raises(NotFound, match="not archived"):
        restore(manager, path)
