"""Rows in COPY's binary form arrive as psycopg's own text form brings them, or not at all."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.actions.copy_rows import CopyRows

TYPES = {
    "small": "int4", "large": "int8", "octets": "bytea", "words": "text", "short": "varchar", "document": "jsonb",
    "flag": "bool", "order": "uuid",
}  # fmt: skip
ROWS = CopyRows("copied", TYPES)
Row = tuple[Any, ...]
# What PostgreSQL takes as text: all of Unicode but U+0000 and halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")) | st.sampled_from(
    ["\\", "\\N", "\\.", "\t", "\n", "\r\n", "\\x00", "a\\tb", '"', "\x1e", "\u2028", "\U0001f600"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
VALUES = (
    st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1), st.binary(), TEXT, TEXT.map(lambda t: t[:20]),
    JSON.map(json.dumps) | JSON.map(lambda value: json.dumps(value, ensure_ascii=False)), st.booleans(), st.uuids(),
)  # fmt: skip
RANDOM_ROWS = st.lists(st.tuples(*(st.none() | each for each in VALUES)), max_size=5)


@pytest.fixture
def copied(db: None) -> None:
    columns = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE copied (at serial, {columns}) ON COMMIT DROP")


def _as_text(rows: Sequence[Row]) -> None:
    names = ", ".join(f'"{name}"' for name in TYPES)
    with connection.cursor() as cursor, cursor.copy(f"COPY copied ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _taken() -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM copied RETURNING *")
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row[1:]) for row in sorted(cursor)]


@given(RANDOM_ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_whatever_a_row_holds_arrives_as_in_the_text_form(copied: None, rows: list[Row]) -> None:
    ROWS.write(rows)
    found = _taken()
    _as_text(rows)
    assert found == _taken()
    assert len(found) == len(rows)


def test_a_large_number_of_rows_arrives_in_its_order(copied: None) -> None:
    rows: list[Row] = [(n, -n, b"\x00" * n, "x" * n, "", json.dumps([n]), True, UUID(int=n)) for n in range(2_000)]
    ROWS.write(iter(rows))
    assert [row[:2] for row in _taken()] == [row[:2] for row in rows]


@pytest.mark.parametrize(
    ("column", "value", "error"),
    [
        ("small", 2**31, struct.error),
        ("small", 2**40, struct.error),
        ("small", -(2**31) - 1, struct.error),
        ("small", "1", struct.error),
        ("large", 2**63, OverflowError),
        ("large", "1", TypeError),
        ("octets", "text", TypeError),
        ("words", "\0", psycopg.DataError),
        ("words", "\ud800", UnicodeEncodeError),
        ("document", '{"a": "\\u0000"}', psycopg.DataError),
        ("document", '{"a": "\\ud800"}', psycopg.DataError),
        ("document", "{", psycopg.DataError),
        ("document", "", psycopg.DataError),
        ("document", '"\0"', psycopg.DataError),
        ("document", '"\ud800"', UnicodeEncodeError),
    ],
)
def test_what_no_column_of_its_type_takes_is_an_error_and_nothing_is_written(
    copied: None, column: str, value: object, error: type[Exception]
) -> None:
    bad = tuple(value if name == column else None for name in TYPES)
    with pytest.raises(error), transaction.atomic():
        ROWS.write([(None,) * len(TYPES), bad])
    assert _taken() == []


def test_a_row_with_a_value_too_few_is_an_error(copied: None) -> None:
    with pytest.raises(psycopg.DataError), transaction.atomic():
        ROWS.write([(1, 2)])
