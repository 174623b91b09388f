"""Rows that are read in binary form are those that Django reads."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.actions.read_rows import read_rows, stream_rows
from promotion.models import Event, Promotion
from tests.events import stage

pytestmark = pytest.mark.django_db
_COLUMNS = (
    "pk", "partition", "offset", "timestamp", "key", "value", "headers", "host", "user", "excluded", "hand_excluded",
    "revision_id", "revision__body", "event_type__full_name",
)  # fmt: skip
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each input is rolled back
@given(
    st.binary(max_size=300), st.none() | st.binary(max_size=40), _TEXTS,
    st.integers(0, 2**31 - 1), st.integers(-(2**63), 2**63 - 1), st.none() | st.booleans(),
)  # fmt: skip
def test_any_row_is_the_one_that_django_reads(
    promotion: Promotion, value: bytes, key: bytes | None, text: str, partition: int, number: int, hand: bool | None
) -> None:
    with transaction.atomic():
        promotion.events.filter(pk=promotion.events.order_by("pk").values("pk")[:1]).update(
            value=value, key=key, host=text, headers=text, partition=partition, offset=number, timestamp=number,
            hand_excluded=hand, excluded=bool(hand),
        )  # fmt: skip
        rows = promotion.events.in_order().values_list(*_COLUMNS)
        assert read_rows(rows) == list(stream_rows(rows, 2)) == list(rows)
        transaction.set_rollback(True)


@pytest.mark.parametrize("host", ["", "a'b", "100%", "%s", '"', "\\", "ä € 😀", "'; DROP TABLE promotion_event; --"])
def test_what_is_asked_for_is_quoted(promotion: Promotion, host: str) -> None:
    stage.event(promotion, host=host)
    rows = promotion.events.filter(host=host).values_list("pk", "host")
    assert read_rows(rows) == list(stream_rows(rows, 10)) == list(rows)
    assert host in {found for _, found in read_rows(rows)}


def test_a_query_that_can_have_no_rows_has_none(promotion: Promotion) -> None:
    rows = promotion.events.filter(pk__in=[]).values_list("pk")
    assert read_rows(rows) == list(stream_rows(rows, 10)) == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_stream_outlives_what_is_committed_meanwhile_and_leaves_no_cursor(promotion: Promotion) -> None:
    rows = promotion.events.in_order().values_list("pk")
    stream, found = stream_rows(rows, 2), list(rows)
    first = next(stream)
    Event.objects.filter(pk=first[0]).update(version=7)
    assert [first, *stream] == found
    abandoned = stream_rows(rows, 2)
    next(abandoned)
    abandoned.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("read", [read_rows, lambda rows: list(stream_rows(rows, 2))])
def test_a_server_that_ends_the_session_raises_what_django_raises(promotion: Promotion, read: Any) -> None:
    rows = promotion.events.values_list("pk")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        session = cursor.fetchone()
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", session)
    with pytest.raises(OperationalError):
        read(rows)
    connection.close()
