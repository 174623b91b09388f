"""The plan on the command line: one document, the exit code, and a replay that takes the plan as it is."""

import io
import json

import pytest
from django.core.management import call_command

from promotion import jobs
from promotion.models import PromotionJob
from promotion.states import JobState
from tests import cast
from tests.plans.stage import happen, twin
from tests.replay.running import run_job
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def command(monkeypatch, capsys):
    """Run `manage.py promotion ...` with a worker that is always free; return exit code and document."""
    monkeypatch.setattr(jobs, "enqueue", run_job)

    def run(*arguments) -> tuple[int, dict]:
        out, code = io.StringIO(), 0
        try:
            call_command("promotion", *map(str, arguments), stdout=out)
        except SystemExit as end:
            code = end.code
        return code, json.loads(out.getvalue() or capsys.readouterr().out)

    return run


def test_a_plan_is_one_document_and_its_replay_another(clusters, source, dev, sit, command):
    cast.user("manager")
    happen(source, "Created", "a", "x")
    happen(source, "Updated", "a", "y")
    source.produce()
    promotion = exported(dev, sit)
    code, plan = command("plan", promotion.pk, "--as", "manager", "--steps", "--nonce", "keep", "--json")
    assert (code, plan["state"], plan["events"], plan["transactions"]) == (0, "ready", 2, 1)
    assert [step["verdict"] for step in plan["steps"]] == ["new", "changed"]
    assert plan["steps"][1]["changes"] == [{"path": "roleDesc", "from": "x", "to": "y"}]
    assert plan["choices"]["nonce"] == "keep"
    code, shown = command("replay", promotion.pk, "--as", "manager", "--wait")
    assert (code, shown["state"], shown["plan"]["digest"]) == (0, "replayed", plan["digest"])
    assert len(consumed(clusters["sit"], sit.topic)) == 2


def test_a_refused_plan_ends_with_its_code_and_can_be_forced(source, dev, sit, command):
    cast.user("manager")
    twin(source, sit)
    happen(source, "Updated", "a", "x")
    source.produce()
    promotion = exported(dev, sit)
    code, plan = command("plan", promotion.pk, "--as", "manager")
    assert (code, plan["state"], plan["counts"]["orphan"]) == (3, "refused", 1)
    (refused,) = plan["refused"]
    assert refused["hint"]
    assert plan["problems"]
    assert plan["error"]
    code, said = command("replay", promotion.pk, "--as", "manager", "--wait")
    assert (code, said["problems"]) == (3, plan["problems"])
    at = f"{refused['source']['partition']}:{refused['source']['offset']}"
    code, said = command(
        "force", promotion.pk, "--verdict", "orphan", "--event", at, "--reason", "sit lost it.", "--as", "manager"
    )
    assert (code, said["forced"]) == (0, 1)
    code, said = command("replay", promotion.pk, "--as", "manager", "--wait")
    assert (code, "Make a new plan" in said["hint"]) == (4, True)
    code, plan = command("plan", promotion.pk, "--as", "manager")
    assert (code, plan["state"], plan["counts"]["forced"]) == (0, "ready", 1)
    assert command("replay", promotion.pk, "--as", "manager", "--wait")[0] == 0


@pytest.mark.parametrize(
    "arguments", [("--batch-size", "0"), ("--rate", "-1"), ("--pause", "99999"), ("--batch-size", "9999999")]
)
def test_choices_that_cannot_be_are_wrong_input(arguments, command):
    cast.user("manager")
    promotion = cast.exported()
    code, said = command("plan", promotion.pk, "--as", "manager", *arguments)
    assert code == 2
    assert "must be" in said["error"]
    assert not PromotionJob.objects.exists()


def test_a_viewer_may_not_plan_nor_force(source, dev, sit, command):
    cast.user("viewer")
    promotion = cast.exported()
    assert command("plan", promotion.pk, "--as", "viewer")[0] == 3
    assert command("force", promotion.pk, "--verdict", "same", "--reason", "x", "--as", "viewer")[0] == 8  # no plan yet
    assert PromotionJob.objects.filter(state=JobState.SUCCEEDED).count() == 0
