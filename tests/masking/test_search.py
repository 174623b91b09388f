"""What the database searches of an event is what the domain says that may be seen of it."""

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings

from promotion.domain.decode import decode
from promotion.domain.marks import Marks, Touch
from promotion.domain.search_document import search_document
from tests.domain.strategies import Datum
from tests.domain.test_masks import _leaves, marked


def without(document: Any, marks: Marks) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT promotion_masked(%s, %s)::text", [json.dumps(document), json.dumps(marks.parts())])
        return json.loads(cursor.fetchone()[0])


@pytest.mark.django_db
@settings(suppress_health_check=[*HealthCheck], deadline=None, max_examples=150)
@given(marked())
def test_the_documents_lose_exactly_what_is_marked(case: tuple[Datum, Marks]) -> None:
    datum, marks = case
    document = search_document(datum.schema, decode(datum.schema, datum.body))
    left = without(document, marks)
    for path, value in _leaves(left):
        assert marks.touch(path) is not Touch.WITHIN or value is None, path
    before, after = dict(_leaves(without(document, Marks()))), dict(_leaves(left))  # as jsonb writes numbers
    kept = {path: value for path, value in before.items() if marks.touch(path) is Touch.NOT}
    assert kept.items() <= after.items()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "paths", "left"),
    [
        ({"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}, ["b[].c"], {"a": 1, "b": [{"c": None, "d": 2}, {"c": None}]}),
        ({"a": {"x": 1, "y": 2}}, ["a[]"], {"a": {"x": None, "y": None}}),
        ({"a": [[1], [2, 3]]}, ["a[][]"], {"a": [[None], [None, None]]}),
        ({"a": []}, ["a[]", "b", "a.b"], {"a": []}),
        ({"a": {}}, ["a[]"], {"a": {}}),
        ({"a": "x"}, ["a.b", "a[]"], {"a": "x"}),
        ([1], ["a"], [1]),
    ],
)
def test_arrays_and_maps_are_gone_through(document: Any, paths: list[str], left: Any) -> None:
    assert without(document, Marks(paths)) == left
