"""Masks stand for the values of an event, come back as them in their own place, and are never a value themselves."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.domain.avro_type import AvroType
from promotion.domain.decode import decode
from promotion.domain.diff import differences
from promotion.domain.files.unions import plain_json_value
from promotion.domain.json_codec import DoesNotFit, dump_json, from_json_value, parse_json, to_json_value
from promotion.domain.marks import HIDDEN, Marks, Touch, is_path
from promotion.domain.masks import (
    SIGN,
    MaskSaved,
    masked,
    masked_beside,
    places,
    refuse_masks,
    refuse_new_masks,
    unmasked,
    veiled,
)
from promotion.domain.schema import Schema, parse
from promotion.domain.sensitive_fields import problem_with, propose
from tests.domain.strategies import Datum, data

KEY = b"a secret"


def paths_of(node: AvroType, path: str = "") -> Iterator[str]:
    """Every path that could be marked."""
    if path and not path.startswith("["):
        yield path
    for item in node.fields:
        yield from paths_of(item.type, f"{path}.{item.name}".removeprefix("."))
    for inner in node.inner:
        yield from paths_of(inner, path if node.kind == "union" else f"{path}[]")


@st.composite
def marked(draw: st.DrawFn) -> tuple[Datum, Marks]:
    datum = draw(data())
    paths = sorted(set(paths_of(datum.schema.root)))
    return datum, Marks(draw(st.lists(st.sampled_from(paths), max_size=4)))


relaxed = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@relaxed
@given(marked())
def test_what_is_masked_and_unmasked_is_the_same_event(case: tuple[Datum, Marks]) -> None:
    datum, marks = case
    tree = to_json_value(datum.schema, datum.body)
    shown = parse_json(dump_json(masked(datum.schema, tree, marks, KEY)))
    again = unmasked(datum.schema, shown, tree, marks, KEY)
    assert from_json_value(datum.schema, again) == from_json_value(datum.schema, tree)
    assert repr(again) == repr(tree)


@relaxed
@given(marked())
def test_so_it_is_without_the_branches_of_unions(case: tuple[Datum, Marks]) -> None:
    datum, marks = case
    tree = to_json_value(datum.schema, datum.body)
    plain, _ = plain_json_value(datum.schema, datum.body)
    shown = parse_json(dump_json(masked(datum.schema, tree, marks, KEY, plain)))
    assert len(list(_masks(shown))) == len(places(datum.schema, tree, marks))
    again = unmasked(datum.schema, shown, tree, marks, KEY)
    assert from_json_value(datum.schema, again) == from_json_value(datum.schema, tree)


@relaxed
@given(marked())
def test_nothing_of_a_masked_value_is_left(case: tuple[Datum, Marks]) -> None:
    datum, marks = case
    tree = to_json_value(datum.schema, datum.body)
    kept = _leaves(masked(datum.schema, tree, marks, KEY))
    # Every leaf that is left stands at a path that no mark covers.
    assert all(marks.touch(path) is not Touch.WITHIN or str(value).startswith(SIGN) for path, value in kept)


@relaxed
@given(marked())
def test_the_documents_of_the_database_and_differences_know_the_same_places(case: tuple[Datum, Marks]) -> None:
    datum, marks = case
    tree = decode(datum.schema, datum.body)
    empty = dict.fromkeys(tree)
    for each in differences(empty, tree):
        shown = marks.hidden(each.path, each.after)
        for path, value in _leaves(shown, each.path):
            assert marks.touch(path) is not Touch.WITHIN or value in (HIDDEN, None), (path, value)


@relaxed
@given(marked(), st.data())
def test_a_mask_anywhere_else_is_an_error_that_names_the_path(case: tuple[Datum, Marks], draw: st.DataObject) -> None:
    datum, marks = case
    tree = to_json_value(datum.schema, datum.body)
    tokens = [*_masks(masked(datum.schema, tree, marks, KEY)), f"{SIGN} 1 aaaa•••"]
    free = [name for name in sorted(tree) if marks.touch(name) is Touch.NOT] or [None]
    token, name = draw.draw(st.sampled_from(tokens)), draw.draw(st.sampled_from(free))
    if name is None:
        return
    for text in (token, f"x{token}y", [token], {token: 1}, {"a": token}):
        with pytest.raises(DoesNotFit) as caught:
            unmasked(datum.schema, tree | {name: text}, tree, marks, KEY)
        assert all(each.path.startswith(f"$.{name}") for each in caught.value.found)


USER = parse(
    json.dumps(
        {
            "type": "record",
            "name": "a.UserCreatedEvent",
            "fields": [
                {"name": "name", "type": "string"},
                {"name": "password", "type": ["null", "string"]},
                {"name": "pin", "type": "int"},
                {
                    "name": "devices",
                    "type": {
                        "type": "array",
                        "items": {
                            "type": "record",
                            "name": "a.Device",
                            "fields": [{"name": "id", "type": "string"}, {"name": "secret", "type": "bytes"}],
                        },
                    },
                },
                {"name": "labels", "type": {"type": "map", "values": "string"}},
            ],
        }
    )
)
MARKS = Marks(["password", "pin", "devices[].secret", "labels[]"])
ADA: dict[str, Any] = {
    "name": "Ada",
    "password": {"string": "hunter2"},
    "pin": 1815,
    "devices": [{"id": "a", "secret": "first"}, {"id": "b", "secret": "second"}],
    "labels": {"x": "red"},
}


def shown(value: Any = ADA, key: bytes = KEY) -> Any:
    return masked(USER, value, MARKS, key)


def back(value: Any, now: Any = ADA, key: bytes = KEY) -> Any:
    return unmasked(USER, value, now, MARKS, key)


def test_masks_say_which_value_they_are_and_nothing_else() -> None:
    now = shown()
    assert now["name"] == "Ada"
    assert now["devices"][0]["id"] == "a"
    texts = list(_masks(now))
    assert [text.split()[1] for text in texts] == ["1", "2", "3", "4", "5"]
    assert not any(secret in json.dumps(now) for secret in ("hunter2", "1815", "first", "second", "red"))
    assert shown(ADA | {"password": None})["password"].startswith(SIGN)


def test_items_may_move_and_go_and_come() -> None:
    now = shown()
    first, second = now["devices"]
    assert back(now | {"devices": [second, first]})["devices"] == [ADA["devices"][1], ADA["devices"][0]]
    assert back(now | {"devices": [second]})["devices"] == [ADA["devices"][1]]
    new = {"id": "c", "secret": "third"}
    assert back(now | {"devices": [new, second]})["devices"] == [new, ADA["devices"][1]]
    assert back(now | {"password": {"string": "new"}})["password"] == {"string": "new"}
    assert back(now | {"password": {"string": now["password"]}})["password"] == {"string": "hunter2"}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda now: {"name": now["password"]}, "$.name"),
        (lambda now: {"name": f"I am {now['password']}."}, "$.name"),
        (lambda now: {"password": now["pin"]}, "$.password"),
        (lambda now: {"pin": now["devices"][0]["secret"]}, "$.pin"),
        (lambda now: {"password": f"{now['password']}!"}, "$.password"),
        (lambda now: {"password": "•••masked 9 aaaa•••"}, "$.password"),
        (lambda now: {"password": "•••masked•••"}, "$.password"),
        (lambda now: {"devices": [{"id": now["pin"], "secret": "x"}]}, "$.devices[0].id"),
        (lambda now: {"labels": {now["pin"]: "x"}}, "$.labels["),
        (lambda now: {"devices": {"a": now["pin"]}}, "$.devices.a"),
    ],
)
def test_a_mask_in_a_wrong_place_is_refused(change: Any, where: str) -> None:
    now = shown()
    with pytest.raises(DoesNotFit) as caught:
        back(now | change(now))
    assert any(each.path.startswith(where) for each in caught.value.found)
    assert "hunter2" not in f"{caught.value} {caught.value.problems}"


def test_two_versions_have_the_same_masks_where_they_say_the_same() -> None:
    now, before = shown(), ADA | {"pin": 7, "devices": [ADA["devices"][0]], "name": "Ann"}
    beside = masked_beside(USER, before, MARKS, KEY, (USER, ADA))
    assert beside["password"] == now["password"]
    assert beside["devices"] == now["devices"][:1]
    assert (beside["pin"], beside["name"]) == (HIDDEN, "Ann")
    assert masked_beside(USER, ADA, MARKS, KEY, (USER, ADA)) == now
    with pytest.raises(DoesNotFit):
        back(now | {"pin": HIDDEN})


def test_a_mask_of_another_event_or_of_values_that_have_changed_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="in 5 places") as caught:
        back(shown(key=b"another event"))
    assert "another event's" in caught.value.problems[0]
    with pytest.raises(DoesNotFit):
        back(shown(), ADA | {"pin": 1})
    assert back(shown(), ADA | {"name": "Augusta"}) == ADA
    with pytest.raises(DoesNotFit):
        unmasked(USER, shown(), ADA, Marks(["password"]), KEY)
    with pytest.raises(DoesNotFit):
        unmasked(USER, shown(), None, Marks(), KEY)


def test_no_mask_is_saved_as_a_value() -> None:
    for value in (shown(), [shown()["pin"]], {shown()["pin"]: 1}, f"a {SIGN}"):
        with pytest.raises(MaskSaved, match="cannot be saved"):
            refuse_masks(value)
    refuse_masks(ADA)
    body = from_json_value(USER, ADA | {"name": f"{SIGN} 1"})
    with pytest.raises(MaskSaved):
        refuse_new_masks(body, from_json_value(USER, ADA))
    refuse_new_masks(body, body)


def test_what_does_not_fit_at_a_marked_place_is_not_shown() -> None:
    with pytest.raises(DoesNotFit) as caught:
        from_json_value(USER, ADA | {"pin": "hunter2", "name": 17})
    said = str(veiled(caught.value, USER, MARKS).problems)
    assert "hunter2" in str(caught.value.problems)
    assert "hunter2" not in said
    assert "17" in said


@pytest.mark.parametrize(
    ("path", "touch"),
    [
        ("password", Touch.WITHIN),
        ("$.password", Touch.WITHIN),
        ("password.x", Touch.WITHIN),
        ("passwords", Touch.NOT),
        ("devices", Touch.ABOVE),
        ("devices.0", Touch.ABOVE),
        ("devices.0.secret", Touch.WITHIN),
        ("$.devices[1].secret", Touch.WITHIN),
        ("devices[*].secret", Touch.WITHIN),
        ("devices[*].id", Touch.NOT),
        ("labels{*}", Touch.WITHIN),
        ("labels.x", Touch.WITHIN),
        ("$.labels['a b']", Touch.WITHIN),
        ('labels{"a b"}', Touch.WITHIN),
        ("$.name['a b']", Touch.NOT),
        ("", Touch.ABOVE),
        ("$", Touch.ABOVE),
        (f"devices[0].{'x' * 300}"[:200], Touch.WITHIN),
        (f"name.{'x' * 300}"[:200], Touch.NOT),
    ],
)
def test_other_paths_lie_within_or_above_or_beside_the_marks(path: str, touch: Touch) -> None:
    assert MARKS.touch(path) is touch


def test_what_holds_sensitive_values_is_shown_without_them() -> None:
    assert MARKS.hidden("$.devices[0]", ADA["devices"][0]) == {"id": "a", "secret": HIDDEN}
    assert MARKS.hidden("$", {"a.UserCreatedEvent": ADA})["a.UserCreatedEvent"]["password"] == HIDDEN
    assert MARKS.hidden("name", "Ada") == "Ada"
    assert MARKS.hidden("pin", None) is None


def test_fields_are_proposed_by_their_names_and_what_they_are() -> None:
    assert propose(USER) == ["password", "pin", "devices[].secret"]
    fields = [
        {"name": name, "type": "string"}
        for name in ("apiKey", "client_secret", "userEmail", "e_mail", "mobile_no", "creditCardNumber", "accessToken",
                     "privateKey", "APIKey", "ssn", "dateOfBirth", "key", "apiId", "description", "tokenizer",
                     "emailable", "keyName", "spin", "shipping")
    ]  # fmt: skip
    found = propose(_record([*fields, {"name": "emailVerified", "type": "boolean"}]))
    assert found == ["apiKey", "client_secret", "userEmail", "e_mail", "mobile_no", "creditCardNumber", "accessToken",
                     "privateKey", "APIKey", "ssn", "dateOfBirth"]  # fmt: skip


def test_a_record_inside_itself_is_proposed_once_and_as_a_whole() -> None:
    tree = {
        "type": "record", "name": "a.Node",
        "fields": [
            {"name": "secret", "type": "string"},
            {"name": "under", "type": {"type": "array", "items": "a.Node"}},
        ],
    }  # fmt: skip
    assert propose(_record([{"name": "tree", "type": ["null", tree]}])) == ["tree.secret", "tree.under"]


def test_a_schema_that_repeats_its_records_is_proposed_in_no_time() -> None:
    inner: Any = {"type": "record", "name": "a.R0", "fields": [{"name": "secret", "type": "string"}]}
    for depth in range(1, 12):
        fields = [{"name": "f0", "type": inner}, *({"name": f"f{n}", "type": f"a.R{depth - 1}"} for n in range(1, 9))]
        inner = {"type": "record", "name": f"a.R{depth}", "fields": fields}
    assert propose(_record([{"name": "top", "type": inner}, {"name": "x", "type": "string"}])) == ["top"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("EventId.id", "cannot be masked"),
        ("EventId", "cannot be masked"),
        ("hostId", "cannot be masked"),
        ("nothing", "no field nothing"),
        ("name[]", "no field"),
        ("devices.secret", "no field"),
        ("a b", "no path"),
        ("", "no path"),
        ("devices[0].secret", "no path"),
    ],
)
def test_a_path_that_cannot_be_marked_says_why(path: str, says: str) -> None:
    assert says in problem_with(USER, path)


@given(marked())
def test_every_path_of_a_schema_can_be_marked(case: tuple[Datum, Marks]) -> None:
    datum, marks = case
    assert all(problem_with(datum.schema, path) == "" and is_path(path) for path in marks.paths)


def _record(fields: list[Any]) -> Schema:
    return parse(json.dumps({"type": "record", "name": "a.SomethingCreatedEvent", "fields": fields}))


def _masks(value: Any) -> Iterator[str]:
    for _, leaf in _leaves(value):
        if isinstance(leaf, str) and leaf.startswith(f"{SIGN} "):
            yield leaf


def _leaves(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Every leaf by a path without the branches of unions.

    A key that is no name is a map's: marks know it as an item, and of one in quotes they would say the worst.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            tag = len(value) == 1 and (key in TAGS or "." in key)
            yield from _leaves(item, path if tag else f"{path}.{key}" if key.isidentifier() else f"{path}[0]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


TAGS = {"null", "boolean", "int", "long", "float", "double", "bytes", "string", "array", "map"}
