"""`manage.py promotion submit | approve | reject | withdraw`."""

import pytest

from promotion.states import PlanState
from tests import cast
from tests.approvals.stage import WHY, ann, bob, promotion, state
from tests.promotions.test_command import run

pytestmark = pytest.mark.django_db


def test_a_plan_is_submitted_approved_taken_back_and_rejected() -> None:
    plan = cast.plan(promotion(approvers=2))
    number = plan.promotion_id
    ann(), bob()
    code, answer = run("submit", number, "--as", "manager")
    assert (code, answer["state"], answer["needed"], answer["standing"]) == (0, "submitted", 2, 0)
    code, answer = run("approve", number, "--reason", WHY, "--as", "ann")
    assert (code, answer["state"], answer["standing"]) == (0, "submitted", 1)
    code, answer = run("approve", number, "--reason", WHY, "--as", "bob", "--confirm", "prod")
    assert (code, answer["state"], answer["standing"]) == (0, "approved", 2)
    assert answer["digest"] == plan.digest
    assert [(word["by"], word["verdict"], word["reason"]) for word in answer["approvals"]] == [
        ("ann", "approve", WHY),
        ("bob", "approve", WHY),
    ]
    assert run("withdraw", number, "--reason", WHY, "--as", "ann")[1]["state"] == "submitted"
    assert run("withdraw", number, "--reason", WHY, "--as", "manager")[1]["state"] == "ready"
    run("submit", number, "--as", "manager", "--reason", "Again.")
    assert run("reject", number, "--reason", WHY, "--as", "bob")[1]["state"] == "rejected"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--as", "ann", "--reason", WHY, "--confirm", "sit"), 2),
        (("--as", "ann", "--reason", WHY, "--type-name", ""), 2),
        (("--as", "ann", "--reason", " "), 2),
        (("--as", "manager", "--reason", WHY), 3),
        (("--as", "admin", "--reason", WHY), 3),
        (("--as", "nobody", "--reason", WHY), 8),
    ],
)
def test_what_cannot_be_approved_ends_with_its_exit_code(arguments: tuple[str, ...], code: int) -> None:
    plan = cast.plan(promotion(), PlanState.SUBMITTED, submitted_by=cast.user("admin"))
    ann()
    ended, answer = run("approve", plan.promotion_id, *arguments)
    assert (ended, set(answer)) == (code, {"error", "hint", "problems"})
    assert state(plan) == PlanState.SUBMITTED


def test_the_newest_plan_is_meant() -> None:
    old = cast.plan(promotion(), PlanState.SUPERSEDED)
    new = cast.plan(old.promotion, PlanState.SUBMITTED)
    ann()
    assert run("approve", old.promotion_id, "--reason", WHY, "--as", "ann")[1]["plan"] == str(new.pk)


def test_without_a_plan_there_is_nothing_to_submit() -> None:
    code, answer = run("submit", promotion().pk, "--as", "manager")
    assert code == 8
    assert "promotion plan" in answer["hint"]
