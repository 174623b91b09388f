"""The proof and the evidence on the pages, in the receipt's file and on the command line."""

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from promotion.domain.plan_choices import Mode, PlanChoices
from promotion.management.subcommands import verifying
from promotion.models import Approval, Plan, Promotion, PromotionJob, Reconciliation, Verification
from promotion.states import ApprovalVerdict, JobKind, JobState, PromotionState
from tests import cast
from tests.replay.running import run_job
from tests.replay.stage import exported
from tests.verify.conftest import EVENTS
from tests.verify.lost import in_doubt
from tests.verify.target import records, verified, widen, write

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def url(name, promotion):
    return reverse(f"promotion:{name}", args=[promotion.pk])


def page(client, name, promotion, **headers):
    answer = client.get(url(name, promotion), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def as_(client, role):
    client.force_login(cast.user(role))
    return client


def run(*arguments) -> tuple[int, dict]:
    """Run `manage.py promotion ...`; return its exit code and its one JSON document."""
    out, code = StringIO(), 0
    with redirect_stdout(out):
        try:
            call_command("promotion", *map(str, arguments), stdout=out)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, json.loads(out.getvalue() or "null")


@pytest.fixture
def worker(monkeypatch):
    """This process is the worker of the commands."""
    monkeypatch.setattr(verifying.jobs, "enqueue", run_job)


def document(client, promotion):
    return json.loads(b"".join(client.get(url("receipt_download", promotion)).streaming_content))


def test_the_receipt_shows_the_proof_and_asks_for_it_again(client, replayed):
    as_(client, "viewer")
    waiting = page(client, "receipt", replayed)
    assert "Waiting for a worker" in waiting
    assert "Verify again" not in waiting  # one is on its way
    assert document(client, replayed)["verdict"] is None
    assert document(client, replayed)["verification"] is None
    verified(replayed)
    shown = page(client, "receipt", replayed)
    assert "Verified: every event is there once" in shown
    assert "hx-trigger" not in shown.split('id="proof"')[1].split("</section>")[0]
    answer = client.post(url("verify", replayed))
    assert answer.url == url("receipt", replayed)
    job = PromotionJob.objects.active().get()
    assert (job.kind, job.requested_by) == (JobKind.VERIFY, cast.user("viewer"))
    polled = page(client, "verify", replayed, HX_Request="true")
    assert "hx-trigger" in polled
    assert "<html" not in polled
    run_job(job)
    assert "All 2 verifications" in page(client, "receipt", replayed)


def test_a_verification_that_failed_is_red_with_what_is_wrong(client, replayed):
    copied = records(replayed)[0]
    write(replayed, copied, replace(copied, timestamp=5))
    widen(replayed)
    verified(replayed)
    as_(client, "viewer")
    shown = page(client, "receipt", replayed)
    assert 'data-tone="error"' in shown
    assert "does not hold what was planned" in shown
    assert "It differs from the plan in: timestamp." in shown
    assert f"{copied.partition}:{copied.offset}" in shown
    said = document(client, replayed)
    assert said["verdict"] == "failed" == said["verification"]["verdict"]
    assert (said["verification"]["duplicated"], said["verification"]["altered"]) == (1, 1)
    assert {fault["kind"] for fault in said["verification"]["faults"]} == {"duplicated", "altered"}


def test_a_verification_that_could_not_be_done_says_why_beside_the_last_one(client, replayed):
    verified(replayed)
    job = PromotionJob.objects.create(
        kind=JobKind.VERIFY, promotion=replayed, requested_by=cast.user("viewer"), state=JobState.FAILED,
        error="The test says so.", exit_code=7,
    )  # fmt: skip
    as_(client, "viewer")
    shown = page(client, "receipt", replayed)
    assert job.error in shown
    assert "Verified: every event is there once" in shown


def test_the_receipt_has_the_approvals_and_the_choices(client, replayed):
    plan = Plan.objects.get()
    choices = PlanChoices(mode=Mode.BATCHES, batch_size=200, rate=50, pause_seconds=1.5, register_versions=True)
    Plan.objects.filter(pk=plan.pk).update(choices=choices.to_json())
    Approval.objects.create(
        plan=plan, digest=plan.digest, verdict=ApprovalVerdict.APPROVE, reason="<b>Looks</b> right",
        by=cast.user("approver"),
    )  # fmt: skip
    as_(client, "viewer")
    shown = page(client, "receipt", replayed)
    assert "&lt;b&gt;Looks&lt;/b&gt; right" in shown
    assert "in batches of 200, at most 50 a second, 1.5 s between two" in shown
    assert "new versions are registered" in shown
    said = document(client, replayed)
    (approval,) = said["approvals"]
    assert approval.pop("at")
    assert approval == {"by": "approver", "verdict": "approve", "reason": "<b>Looks</b> right"}
    assert said["choices"]["batch_size"] == 200


def test_verify_on_the_command_line_answers_with_numbers(replayed, worker):
    waiting = PromotionJob.objects.get(kind=JobKind.VERIFY)
    run_job(waiting)
    code, answer = run("verify", replayed.pk)
    assert (code, answer["verdict"], answer["expected"], answer["found"]) == (0, "verified", EVENTS, EVENTS)
    assert answer["promotion"] == replayed.pk
    assert Verification.objects.latest("pk").requested_by == cast.user("manager")  # who replayed
    assert run("verify", replayed.pk, "--as", cast.user("viewer").username)[0] == 0
    assert Verification.objects.latest("pk").requested_by == cast.user("viewer")


def test_verify_ends_with_6_unless_everything_is_there(replayed, worker):
    write(replayed, records(replayed)[0])
    widen(replayed)
    run_job(PromotionJob.objects.get(kind=JobKind.VERIFY))
    code, answer = run("verify", replayed.pk)
    assert (code, answer["verdict"], answer["duplicated"]) == (6, "failed", 1)
    assert "duplicated: source" in answer["problems"][0]


def test_verify_of_what_was_not_replayed_is_not_found(replayed):
    other = cast.promotion("Release 2", source=replayed.source, target=replayed.target)
    assert run("verify", other.pk)[0] == 8


def test_verify_need_not_be_waited_for_and_joins_the_one_that_is_on_its_way(replayed):
    code, answer = run("verify", replayed.pk, "--no-wait")
    assert (code, answer["verdict"], answer["job"]["kind"]) == (0, None, "verify")
    assert PromotionJob.objects.filter(kind=JobKind.VERIFY).count() == 1  # the one that follows the replay


@pytest.fixture
def lost(source, dev, sit):
    """A promotion of 10 events of which 4 have arrived, and whose marker is lost."""
    source.many(10)
    source.produce()
    promotion = exported(dev, sit)
    in_doubt(promotion, 4)
    return promotion


def test_the_promotions_page_gathers_the_evidence_and_reconciles(client, lost):
    as_(client, "manager")
    shown = page(client, "promotion", lost)
    assert "What has arrived?" in shown
    assert "Read the target</button>" in shown
    assert client.post(url("verify", lost)).url == lost.get_absolute_url()
    run_job(PromotionJob.objects.active().get())

    shown = page(client, "promotion", lost)
    assert "4 of 10 events have arrived, the first ones, once and in order" in shown
    assert "Go on behind event 4" in shown
    assert "marker of them is gone" in shown
    assert client.post(url("reconcile", lost), {"committed": "4", "reason": ""}).status_code == 422
    answer = client.post(url("reconcile", lost), {"committed": "5", "reason": "Seen."})
    assert answer.status_code == 422
    assert "4 events have arrived, not 5" in answer.content.decode()
    assert not Reconciliation.objects.exists()
    assert client.post(url("reconcile", lost), {"committed": "4", "reason": "Seen."}).url == lost.get_absolute_url()
    shown = page(client, "promotion", lost)
    assert "Reconciled: the next attempt goes on from there." in shown
    assert "Go on behind event" not in shown


def test_others_see_the_evidence_and_no_form(client, lost):
    verified(lost, "manager")
    as_(client, "viewer")
    shown = page(client, "promotion", lost)
    assert "4 of 10 events have arrived" in shown
    assert "Go on behind event" not in shown
    assert client.post(url("reconcile", lost), {"committed": "4", "reason": "Seen."}).status_code == 403
    assert client.post(url("verify", lost)).status_code == 403


def test_evidence_that_is_not_clean_has_no_form(client, lost):
    write(lost, records(lost)[0])
    verified(lost, "manager")
    as_(client, "manager")
    shown = page(client, "promotion", lost)
    assert "The replay cannot go on from this." in shown
    assert "1 event arrived more than once." in shown
    assert "Go on behind event" not in shown


def test_a_replay_that_failed_for_another_reason_has_no_such_card(client, lost):
    PromotionJob.objects.filter(kind=JobKind.REPLAY).update(exit_code=7)
    as_(client, "manager")
    assert "What has arrived?" not in page(client, "promotion", lost)
    Promotion.objects.update(state=PromotionState.REPLAYED)
    assert client.post(url("reconcile", lost), {"committed": "4", "reason": "Seen."}).status_code == 403
    assert client.post(url("reconcile", lost), {}).status_code == 403


def test_the_command_line_gathers_and_reconciles(lost, worker):
    code, answer = run("verify", lost.pk)
    assert (code, answer["verdict"], answer["arrived_prefix"]) == (6, "incomplete", 4)
    assert run("reconcile", lost.pk, "--committed", 3, "--reason", "Seen.", "--as", "manager")[0] == 3
    assert run("reconcile", lost.pk, "--committed", 4, "--reason", " ", "--as", "manager")[0] == 2
    code, answer = run("reconcile", lost.pk, "--committed", 4, "--reason", "Seen.", "--as", "manager")
    assert (code, answer) == (0, {"promotion": lost.pk, "committed": 4, "planned": 10})


def test_the_receipt_of_a_reconciled_replay_without_receipts_can_be_read(client, lost):
    from promotion.models import Receipt

    verified(lost, "manager")
    Receipt.objects.all().delete()
    as_(client, "viewer")
    assert "not known" in page(client, "receipt", lost)
    assert document(client, lost)["receipts"][0]["target"] is None
