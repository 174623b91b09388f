"""A file that nobody edited changes nothing, whatever the schema and the data."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.actions.compare import Comparison
from promotion.actions.download import download
from promotion.domain.lines import EventLine, Manifest, numbered, read_line
from promotion.models import Upload
from tests import cast
from tests.domain import strategies
from tests.events import stage

pytestmark = pytest.mark.django_db


class Writing:
    """Stands where the lease of a job stands: a test's transaction is not seen by the lease's own connection."""

    def writing(self):
        from django.db import transaction

        return transaction.atomic()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(strategies.data(), min_size=1, max_size=4), st.binary(max_size=4) | st.none())
def test_what_is_downloaded_and_uploaded_unedited_is_unchanged(db, found, key):
    promotion = stage.promotion()
    for datum in found:
        stage.kept(promotion, datum.schema, datum.body, key)
    content = "".join(download(None, promotion)).encode()
    made = Upload.objects.create(promotion=promotion, author=cast.user("manager"), file_name="x")
    comparison = Comparison(Writing(), made)
    comparison.add(list(numbered(content.splitlines(keepends=True))))
    comparison.finish()
    made.refresh_from_db()
    assert made.counts == {"unchanged": len(found)}, list(made.lines.values_list("problems", flat=True))
    assert made.missing == 0


@given(st.binary(max_size=60))
def test_any_bytes_are_an_event_a_manifest_or_a_clear_error(line):
    from promotion.errors import InvalidInput

    with suppress(InvalidInput):
        assert isinstance(read_line(line), EventLine | Manifest)


@given(strategies.json_values(), st.integers(-5, 2**70), st.integers(-5, 2**70))
def test_any_value_in_a_line_is_read_exactly_or_refused(value, partition, offset):
    from promotion.errors import InvalidInput

    line = json.dumps({"partition": partition, "offset": offset, "value": value}).encode()
    try:
        read = read_line(line)
    except InvalidInput:
        return
    assert isinstance(read, EventLine)
    assert (read.partition, read.offset) == (partition, offset)
    assert json.dumps(read.value) == json.dumps(value)
