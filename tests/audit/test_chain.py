"""The chain over the audit trail: sealed as transactions commit, and every way to break it is found."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from promotion.actions import audit
from promotion.actions.verify_audit import parse_head, walk
from promotion.errors import InvalidInput
from promotion.models import AuditEntry, AuditSeal, Promotion
from tests import cast

committed = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def write(number: int = 1, **fields: Any) -> list[AuditEntry]:
    """Entries about one promotion, all in one transaction."""
    with transaction.atomic():
        about = cast.promotion()
        values = {"reason": "Für β\n", "before": {"a": 1.50, "ü": None}, "after": {"b": ["x", "\u2028"]}, **fields}
        return [audit.record(cast.user("manager"), "export", about, **values) for _ in range(number)]


def numbers() -> list[int]:
    return list(AuditSeal.objects.values_list("number", flat=True))


def verify(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code of the command, and what it printed."""
    capsys.readouterr()
    try:
        call_command("verify_audit", *options)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, json.loads(capsys.readouterr().out)


def behind_its_back(statement: str, *values: Any) -> None:
    """What somebody does who may do everything to the tables: no trigger sees it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values or None)


@committed
def test_every_entry_of_a_transaction_is_sealed_in_its_order_when_it_commits() -> None:
    with transaction.atomic():
        entries = write(3)
        assert numbers() == []
    entries += write(2)
    assert list(AuditSeal.objects.values_list("number", "entry")) == [(n + 1, e.pk) for n, e in enumerate(entries)]
    found = walk()
    assert (found.broken, found.entries, found.digest) == (None, 5, AuditSeal.objects.get(number=5).digest)


def write_and_fail() -> None:
    """Write an entry and roll it back."""
    with transaction.atomic():
        write()
        raise ZeroDivisionError


@committed
def test_what_is_rolled_back_leaves_no_seal_and_no_gap() -> None:
    write()
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError):
            write_and_fail()
        write()
    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    write()
    assert numbers() == [1, 2, 3]
    assert walk().broken is None


@pytest.mark.django_db
def test_what_is_checked_before_the_end_of_a_transaction_is_sealed_then() -> None:
    write(2)
    connection.check_constraints()
    write()
    connection.check_constraints()
    assert numbers() == [1, 2, 3]
    assert walk().broken is None


@committed
def test_seals_can_neither_be_changed_nor_deleted() -> None:
    write()
    for change in (lambda: AuditSeal.objects.update(digest="0" * 64), lambda: AuditSeal.objects.all().delete()):
        with pytest.raises(IntegrityError, match="append-only"):
            change()


def in_threads(*works: Callable[[], None]) -> None:
    """Run all of them at once, each with a connection of its own; raise what one of them raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


@committed
def test_transactions_at_the_same_time_leave_no_gap_and_no_number_twice() -> None:
    about, user, begin = cast.promotion(), cast.user("manager"), threading.Barrier(8)

    def work() -> None:
        begin.wait(30)
        for number in range(15):
            with transaction.atomic():
                for _ in range(number % 3 + 1):
                    audit.record(user, "export", about)

    in_threads(*[work] * 8)
    assert numbers() == list(range(1, 8 * 30 + 1))
    assert walk().broken is None


@committed
def test_who_holds_a_row_that_another_commit_has_to_look_at_can_still_commit() -> None:
    """Both would wait for ever if the seal were made before the foreign keys of the same transaction are checked."""
    about, user = cast.promotion(), cast.user("manager")
    held, committing = threading.Event(), threading.Event()

    def holder() -> None:
        with transaction.atomic():
            Promotion.objects.select_for_update().get(pk=about.pk)
            held.set()
            assert committing.wait(30)
            wait_until_somebody_waits()
            audit.record(user, "export", about)

    def committer() -> None:
        assert held.wait(30)
        with transaction.atomic():
            audit.record(user, "export", about)
            about.watches.create(user=user)  # its key is checked at the commit, which waits for the holder
            committing.set()

    in_threads(holder, committer)
    assert numbers() == [1, 2]


def wait_until_somebody_waits() -> None:
    """Return when another session waits for a lock."""
    with connection.cursor() as cursor:
        for _ in range(3_000):
            cursor.execute("SELECT count(*), pg_sleep(0.01) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


CHANGES = {
    "id": "id + 1000",
    "at": "at + interval '1 microsecond'",
    "actor_id": "NULL",
    "actor_name": "'mallory'",
    "origin": "origin || ' '",
    "verb": "'plan'",
    "object_type": "'environment'",
    "object_id": "object_id || '0'",
    "object_label": "''",
    "reason": "replace(reason, 'β', 'ß')",
    "before": '\'{"a": 1.500, "ü": null}\'',
    "after": "NULL",
}


@committed
@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_column_is_found(column: str, capsys: pytest.CaptureFixture[str]) -> None:
    entries = write(5)
    changed = entries[2].pk
    behind_its_back(f"UPDATE promotion_auditentry SET {column} = {CHANGES[column]} WHERE id = %s", changed)
    code, answer = verify(capsys)
    fault = "missing" if column == "id" else "changed"
    assert (code, answer["fault"], answer["seal"], answer["entry"], answer["sound"]) == (1, fault, 3, changed, 2)
    assert str(changed) in answer["error"]


def test_every_column_of_an_entry_is_in_the_chain() -> None:
    assert {field.column for field in AuditEntry._meta.concrete_fields} == set(CHANGES)


@committed
def test_the_last_entry_changed_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    last = write(2)[1].pk
    behind_its_back("UPDATE promotion_auditentry SET reason = '' WHERE id = %s", last)
    code, answer = verify(capsys)
    assert (code, answer["fault"], answer["entry"]) == (1, "changed", last)


@committed
def test_text_that_moved_from_one_column_to_the_next_is_found() -> None:
    write(2, reason="")
    behind_its_back("UPDATE promotion_auditentry SET origin = '', verb = origin || verb")
    broken = walk().broken
    assert broken is not None
    assert (broken.fault, broken.number) == ("broken", 1)


@committed
def test_a_deleted_entry_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    entries = write(4)
    behind_its_back("DELETE FROM promotion_auditentry WHERE id = %s", entries[1].pk)
    code, answer = verify(capsys)
    assert (code, answer["fault"], answer["seal"], answer["entry"]) == (1, "missing", 2, entries[1].pk)


@committed
@pytest.mark.parametrize("gone", [1, 3])
def test_an_entry_deleted_with_its_seal_is_found(gone: int, capsys: pytest.CaptureFixture[str]) -> None:
    entries = write(4)
    behind_its_back("DELETE FROM promotion_auditentry WHERE id = %s", entries[gone - 1].pk)
    behind_its_back("DELETE FROM promotion_auditseal WHERE number = %s", gone)
    code, answer = verify(capsys)
    assert (code, answer["fault"], answer["seal"], answer["entry"]) == (1, "gap", gone, None)


def slip_in() -> int:
    """Insert an entry that no trigger sees, and return its id."""
    behind_its_back(
        "INSERT INTO promotion_auditentry (at, actor_name, origin, verb, object_type, object_id, object_label, reason)"
        " VALUES (now(), 'mallory', '', 'approve', 'promotion', '1', '', '')"
    )
    return AuditEntry.objects.get(actor_name="mallory").pk


@committed
def test_an_entry_that_came_past_the_trigger_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    write(2)
    slipped = slip_in()
    code, answer = verify(capsys)
    assert (code, answer["fault"], answer["entry"], answer["sound"]) == (1, "not sealed", slipped, 2)


@committed
def test_an_entry_slipped_in_with_a_seal_of_its_own_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    write(4)
    slipped = slip_in()
    for step in (100, -99):  # two steps: a number may not be there twice on the way
        behind_its_back("UPDATE promotion_auditseal SET number = number + %s WHERE number > 2", step)
    AuditSeal.objects.create(number=3, entry_id=slipped, digest="a" * 64)
    code, answer = verify(capsys)
    assert (code, answer["fault"], answer["entry"], answer["seal"]) == (1, "slipped in", slipped, 3)


@committed
def test_a_changed_seal_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    entries = write(3)
    behind_its_back("UPDATE promotion_auditseal SET digest = %s WHERE number = 2", "a" * 64)
    code, answer = verify(capsys)
    assert (code, answer["fault"], answer["seal"], answer["entry"]) == (1, "broken", 2, entries[1].pk)


@pytest.fixture
def kept(capsys: pytest.CaptureFixture[str]) -> str:
    """The head of a chain of four, kept elsewhere; two more follow."""
    write(4)
    code, answer = verify(capsys)
    assert (code, answer["entries"], answer["whole"]) == (0, 4, True)
    write(2)
    return str(answer["head"])


@committed
def test_a_chain_that_has_grown_holds_its_earlier_heads(kept: str, capsys: pytest.CaptureFixture[str]) -> None:
    for head in (kept, kept.partition(":")[2], kept.upper()):
        assert verify(capsys, "--head", head)[0] == 0


@committed
def test_a_chain_that_was_cut_off_is_found_by_the_head_that_was_kept(
    kept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    behind_its_back(
        "DELETE FROM promotion_auditentry WHERE id IN (SELECT entry_id FROM promotion_auditseal WHERE number > 3)"
    )
    behind_its_back("DELETE FROM promotion_auditseal WHERE number > 3")
    assert verify(capsys)[0] == 0, "nothing inside of the database tells"
    for head in (kept, kept.partition(":")[2]):
        code, answer = verify(capsys, "--head", head)
        assert (code, answer["fault"]) == (1, "cut off")


@committed
def test_a_chain_that_was_made_anew_is_found_by_the_head_that_was_kept(
    kept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    behind_its_back("UPDATE promotion_auditentry SET reason = 'Nothing happened.'")
    behind_its_back("DELETE FROM promotion_auditseal")
    with connection.cursor() as cursor:
        cursor.execute("SELECT promotion_seal(entry) FROM (SELECT * FROM promotion_auditentry ORDER BY id) entry")
    assert verify(capsys)[0] == 0, "nothing inside of the database tells"
    code, answer = verify(capsys, "--head", kept)
    assert (code, answer["fault"], answer["seal"]) == (1, "rewritten", 4)
    assert verify(capsys, "--head", kept.partition(":")[2])[1]["fault"] == "cut off"


@pytest.mark.django_db
def test_an_empty_trail_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(capsys) == (0, {"entries": 0, "head": f"0:{'0' * 64}", "whole": True})


@pytest.mark.parametrize("head", ["", "abc", "1:", "0:" + "0" * 63, "-1:" + "a" * 64, "1:" + "a" * 65])
def test_what_is_no_head_is_refused(head: str) -> None:
    with pytest.raises(InvalidInput):
        parse_head(head)


@committed
def test_the_migration_seals_what_was_there_before_it() -> None:
    try:
        call_command("migrate", "promotion", "0009", verbosity=0)
        entries = write(3)
        assert numbers() == []
    finally:
        call_command("migrate", verbosity=0)
    assert list(AuditSeal.objects.values_list("number", "entry")) == [(n + 1, e.pk) for n, e in enumerate(entries)]
    entries += write()
    assert (walk().broken, numbers()) == (None, [1, 2, 3, 4])
