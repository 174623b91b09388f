"""A file with masks does not become a promotion: there is no event whose values they could stand for."""

import json
from typing import Any

import pytest

from promotion import jobs
from promotion.actions.import_file import import_file
from promotion.domain.masks import SIGN
from promotion.models import LineVerdict, Promotion
from tests import cast
from tests.masking import stage

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def imported(value: dict[str, Any]) -> tuple[Promotion, list[str]]:
    """The promotion of a file with one entry, and what is said of that."""
    cast.environment("bare", schema_source="set", registry_url="")
    stage.promotion()  # the type is known and promotable, and so is its schema
    entry = {"type": stage.NAME, "key": "host-1", "timestamp": 1_760_000_000_000, "value": value}
    pieces = [json.dumps(entry).encode()]
    made, file, job = import_file(
        cast.user("manager"), cast.environment("bare"), "From a file", "events.jsonl", pieces, "jsonl"
    )
    jobs.run(str(job.pk))
    made.refresh_from_db()
    problems = [problem for line in file.lines.all() for problem in line.problems]
    assert {line.verdict for line in file.lines.all()} <= {LineVerdict.INVALID.value}
    return made, problems


def test_an_entry_without_a_mask_is_taken() -> None:
    made, problems = imported(stage.value())
    assert (made.events.count(), problems) == (1, [])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"password": {"string": f"{SIGN} 2 abcd•••"}}, "$.password.string"),
        ({"email": f"{SIGN} 1 abcd•••"}, "$.email"),
        ({"note": f"was {SIGN}•••"}, "$.note"),
        ({"devices": [{"id": f"{SIGN} 1 abcd•••", "secret": "x"}]}, "$.devices[0].id"),
    ],
)
def test_an_entry_with_a_mask_is_named_with_its_path(changes: dict[str, Any], path: str) -> None:
    made, problems = imported(stage.value(**changes))
    assert made.events.filter(quarantine_reason="").count() == 0
    assert any(f"{path}: a mask cannot be saved as a value." in each for each in problems)


def test_what_does_not_fit_at_a_masked_place_is_not_kept() -> None:
    _, problems = imported(stage.value(email=["hunter-two"], note=17))
    assert stage.leaked(str(problems)) == []
    assert "17" in str(problems)
