"""Queries that take too long are given up, and nothing else suffers."""

import pytest
from django.db import connection, transaction

from promotion.models.patience import TooSlow, within

pytestmark = pytest.mark.django_db


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_what_takes_too_long_is_given_up_and_what_does_not_is_done() -> None:
    with pytest.raises(TooSlow), within(0.05):
        sleep(30)
    with within(30):
        sleep(0)


def test_the_bound_ends_with_the_block_inside_a_larger_transaction() -> None:
    with transaction.atomic():
        with within(0.1):
            sleep(0)
        with pytest.raises(TooSlow), within(0.05):
            sleep(30)
        sleep(0.2)


def test_another_error_is_none_of_time() -> None:
    with pytest.raises(ZeroDivisionError), within(1):
        raise ZeroDivisionError
