"""What is read by the primary key has no second index for it, which PostgreSQL may take in its place."""

import pytest
from django.db import connection

TABLES = ("promotion_planstep", "promotion_judgement", "promotion_receipt")
COLUMNS = "SELECT indisprimary, indkey::int[] FROM pg_index WHERE indrelid = %s::regclass"


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_no_index_is_only_the_beginning_of_the_primary_key(table: str) -> None:
    """Of a new plan PostgreSQL expects one row: by an index on the plan alone it read all of it for each chunk."""
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        found = cursor.fetchall()
    ((_, key),) = [each for each in found if each[0]]
    assert [columns for primary, columns in found if not primary and columns == key[: len(columns)]] == []
