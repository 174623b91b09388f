"""`manage.py event_types`: one JSON document on standard output, and an exit code."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from promotion.models import AuditEntry, EventType
from promotion.states import Decision
from tests import cast
from tests.event_types.conftest import API, ORDER

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> tuple[Any, int]:
    """Return the document that the command prints, and its exit code."""
    out, code = io.StringIO(), 0
    try:
        call_command("event_types", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    return json.loads(out.getvalue()), code


@pytest.fixture
def loaded(catalogue: Path) -> None:
    cast.user("curator")
    assert run("load", "--dir", catalogue) == ({"added": 2, "changed": 0, "unchanged": 0, "removed": 0}, 0)


def test_load_takes_the_schemas_of_the_settings(settings: Any, catalogue: Path) -> None:
    settings.SCHEMAS_DIR = catalogue
    assert run("load")[0]["added"] == 2


def test_load_of_a_broken_catalogue_names_the_file_and_ends_with_2(catalogue: Path) -> None:
    (catalogue / "broken.avsc").write_text("{")
    answer, code = run("load", "--dir", catalogue)
    assert code == 2
    assert "broken.avsc" in answer["error"]


@pytest.mark.usefixtures("loaded")
def test_a_type_is_decided_from_the_command_line() -> None:
    answer, code = run("decide", "--promotable", "--reason", "As agreed.", "--as", "curator", API)
    assert (answer, code) == ({"decision": "promotable", "event_types": 1, "changed": 1}, 0)
    assert EventType.objects.promotable().get().full_name == API
    assert AuditEntry.objects.get(verb="decide").origin == "command line"


@pytest.mark.usefixtures("loaded")
def test_list_restricts_by_decision_and_shows_everything_that_the_page_shows() -> None:
    cast.decide(EventType.objects.get(full_name=API), Decision.PROMOTABLE, "Agreed.")
    [api] = run("list", "--promotable", "--json")[0]["event_types"]
    [order] = run("list", "--undecided")[0]["event_types"]
    assert (api["full_name"], api["decision"], api["decided_by"], api["reason"]) == (
        API,
        "promotable",
        "curator",
        "Agreed.",
    )
    assert (order["full_name"], order["proposed"], order["seen"]) == (ORDER, "transactional", {})
    assert run("list", "--not-promotable")[0]["event_types"] == []
    assert len(run("list")[0]["event_types"]) == 2


@pytest.mark.usefixtures("loaded")
def test_what_is_proposed_and_undecided_is_decided_at_once_and_again_without_harm() -> None:
    arguments = ("decide", "--promotable", "--proposed", "configurable", "--reason", "As proposed.", "--as", "curator")
    assert run(*arguments)[0]["changed"] == 1
    assert run(*arguments) == ({"decision": "promotable", "event_types": 0, "changed": 0}, 0)
    assert list(EventType.objects.promotable().values_list("full_name", flat=True)) == [API]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--promotable", "--reason", "x", "--as", "curator", "no.Such"), 8),
        (("--promotable", "--reason", "x", "--as", "nobody", API), 8),
        (("--promotable", "--reason", " ", "--as", "curator", API), 2),
        (("--promotable", "--reason", "x", "--as", "curator"), 2),
        (("--promotable", "--reason", "x", "--as", "viewer", API), 3),
    ],
)
def test_a_decision_that_cannot_be_taken_ends_with_its_own_code(arguments: tuple[str, ...], code: int) -> None:
    cast.user("viewer")
    answer, ended = run("decide", *arguments)
    assert ended == code
    assert set(answer) == {"error", "hint", "problems"}
    assert not EventType.objects.promotable().exists()
