"""What a test has committed is taken away again, and what the migrations put there is put back: in some milliseconds.

Django's own way, TRUNCATE of every table and then each row of the beginning saved through the ORM, takes 150 ms of
processor time, and 650 tests do it.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

#: Where the rows of the beginning are kept: a schema that no model knows.
KEPT = "kept_for_tests"
#: Bytes of a table: a larger one is emptied by TRUNCATE, so that no later test reads past what is left of it.
LARGE = 512 * 1024


def keep() -> None:
    """Keep what stands in the database now, and have each test that commits leave exactly that behind."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {KEPT} CASCADE; CREATE SCHEMA {KEPT}")
        for name in _tables():
            there = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name))
            cursor.execute(there)
            if cursor.fetchone() == (True,):
                copy = sql.SQL("CREATE TABLE {} AS TABLE {}")
                cursor.execute(copy.format(sql.Identifier(KEPT, name), sql.Identifier(name)))
    setattr(TransactionTestCase, "_fixture_teardown", _put_back)  # noqa: B010 - mypy knows the method's own type
    setattr(connection.creation, "deserialize_db_from_string", _nothing_to_do)  # noqa: B010 - it is there already


def _put_back(_: TransactionTestCase) -> None:
    tables = _tables()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(pg_relation_size(oid)), 0) > %s FROM pg_class WHERE relname = ANY(%s)", [LARGE, tables]
        )
        large = cursor.fetchone() == (True,)
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [KEPT])
        kept = [name for (name,) in cursor.fetchall()]
        cursor.execute(sql.SQL("; ").join(_steps(tables, kept, large)))


def _steps(tables: list[str], kept: list[str], large: bool) -> list[sql.Composable]:
    """One transaction. The lock waits for whoever still writes, as TRUNCATE does; no trigger or key is looked at."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    put = sql.SQL("INSERT INTO {0} SELECT * FROM {1}")
    return [
        sql.SQL("BEGIN"),
        sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names),
        sql.SQL("SET LOCAL session_replication_role = replica"),
        *(
            [sql.SQL("TRUNCATE {}").format(names)]
            if large
            else [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in tables]
        ),
        *(put.format(sql.Identifier(name), sql.Identifier(KEPT, name)) for name in kept),
        sql.SQL("COMMIT"),
    ]


def _tables() -> list[str]:
    return sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))


def _nothing_to_do(*_: Any) -> None:
    """The rows of the beginning are there since the test before."""
