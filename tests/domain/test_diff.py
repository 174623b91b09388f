"""What an edit changed."""

from typing import Any

import pytest
from hypothesis import given

from promotion.domain.diff import Difference, Kind, differences
from tests.domain.strategies import Datum, data, pairs


@given(data())
def test_nothing_differs_from_itself(datum: Datum) -> None:
    assert differences(datum.json_value, datum.json_value) == []


@given(pairs())
def test_two_different_values_are_never_called_the_same(pair: tuple[Datum, Datum]) -> None:
    one, other = pair
    assert bool(differences(one.json_value, other.json_value)) == (repr(one.json_value) != repr(other.json_value))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [("$.a", Kind.CHANGED, 1, 2)]),
        ({"a": {"string": "x"}}, {"a": {"string": "y"}}, [("$.a", Kind.CHANGED, "x", "y")]),
        ({"a": None}, {"a": {"string": "y"}}, [("$.a", Kind.CHANGED, None, "y")]),
        ({"a": {"int": 1}}, {"a": {"long": 1}}, [("$.a", Kind.CHANGED, {"int": 1}, {"long": 1})]),
        ({"a": {"t.A": {}}}, {"a": {"t.B": {}}}, [("$.a", Kind.CHANGED, {"t.A": {}}, {"t.B": {}})]),
        ({"a": {"t.A": {"n": 1}}}, {"a": {"n": 1}}, [("$.a", Kind.CHANGED, {"t.A": {"n": 1}}, {"n": 1})]),
        ({"a": {"map": 1}}, {"a": {"map": 1, "b": 2}}, [("$.a", Kind.CHANGED, {"map": 1}, {"map": 1, "b": 2})]),
        ({"a": {"t.R": {"n": 1}}}, {"a": {"t.R": {"n": 2}}}, [("$.a.n", Kind.CHANGED, 1, 2)]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("$.a[1]", Kind.CHANGED, 2, 3), ("$.a[2]", Kind.ADDED, None, 4)]),
        ({"a": [1, 2]}, {"a": [1]}, [("$.a[1]", Kind.REMOVED, 2, None)]),
        ({"a": 1}, {"b": 1}, [("$.a", Kind.REMOVED, 1, None), ("$.b", Kind.ADDED, None, 1)]),
        ({"a": 1}, {"a": True}, [("$.a", Kind.CHANGED, 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("$.a", Kind.CHANGED, 1, 1.0)]),
        ({"a": 0.0}, {"a": -0.0}, [("$.a", Kind.CHANGED, 0.0, -0.0)]),
        ({"a": {"string": "x"}}, {"a": "x"}, [("$.a", Kind.CHANGED, {"string": "x"}, "x")]),
        ({"a": {"m n": 1}}, {"a": {}}, [("$.a['m n']", Kind.REMOVED, 1, None)]),
    ],
)
def test_a_difference_names_path_kind_and_both_values(before: Any, after: Any, expected: list[Any]) -> None:
    assert differences(before, after) == [Difference(*item) for item in expected]


def test_no_more_differences_are_listed_than_are_asked_for() -> None:
    assert len(differences([0] * 100, [1] * 100, most=10)) == 10
