"""A file that nobody edited changes nothing, whatever the schema, the data and the format."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.actions.compare import Comparison
from promotion.actions.download import download
from promotion.domain.files.items import Format
from promotion.domain.files.reading import read
from promotion.models import Upload
from tests import cast
from tests.domain import strategies
from tests.events import stage

pytestmark = pytest.mark.django_db


class Writing:
    """Stands where the lease of a job stands: a test's transaction is not seen by the lease's own connection."""

    def writing(self):
        return transaction.atomic()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(strategies.data(), min_size=1, max_size=4),
    st.binary(max_size=4) | st.none(),
    st.sampled_from(Format),
    st.booleans(),
)
def test_what_is_downloaded_and_uploaded_unedited_is_unchanged(db, found, key, form, plain):
    promotion = stage.promotion()
    for datum in found:
        stage.kept(promotion, datum.schema, datum.body, key)
    blocks = download(None, promotion, form=form, plain=plain).blocks()
    made = Upload.objects.create(promotion=promotion, author=cast.user("manager"), file_name="x")
    comparison = Comparison(Writing(), made)
    comparison.add(list(read(form, blocks, editing=True)))
    comparison.finish()
    made.refresh_from_db()
    assert made.counts == {"unchanged": len(found)}, list(made.lines.values_list("problems", flat=True))
    assert made.missing == 0
