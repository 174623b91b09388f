"""The pages of a replay and the command line, on real services."""

import json

import pytest
from django.core.management import call_command
from django.urls import reverse

from promotion.actions import edit
from promotion.domain.plan_choices import Mode
from promotion.models import Environment, Plan, PromotionJob, Replay
from promotion.states import JobKind, JobState, PlanState, PromotionState
from tests import cast
from tests.replay.running import run_job
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def promotion(source, dev, sit):
    source.many(6)
    source.produce()
    return exported(dev, sit)


@pytest.fixture
def manager(client):
    client.force_login(cast.user("manager"))
    return client


def url(name, promotion):
    return reverse(f"promotion:{name}", args=[promotion.pk])


def start(client, promotion, **fields):
    """Post what the page's button posts, with the digest of the newest plan."""
    plan = Plan.objects.of(promotion)
    return client.post(url("replay", promotion), {"digest": plan.digest if plan else "", **fields})


def run_replay():
    return run_job(PromotionJob.objects.get(kind=JobKind.REPLAY))


def test_the_page_says_what_the_plan_says_and_starts_it(manager, promotion, planned):
    edit.exclude(cast.user("manager"), promotion, [promotion.events.first().pk])
    plan = planned(promotion)
    page = manager.get(url("replay", promotion)).content.decode()
    assert "Replay 5 events to sit" in page
    assert "all or nothing" in page
    assert "read uncommitted records" in page
    assert promotion.target.topic in page
    assert plan.digest in page
    assert start(manager, promotion).url == promotion.get_absolute_url()
    assert run_replay().state == JobState.SUCCEEDED
    assert manager.get(url("replay", promotion)).url == url("receipt", promotion)


def test_without_a_plan_the_page_leads_to_one(manager, promotion):
    page = manager.get(url("replay", promotion)).content.decode()
    assert "There is no plan yet" in page
    assert url("plan", promotion) in page
    assert start(manager, promotion).status_code == 422
    assert not PromotionJob.objects.exists()


def test_a_page_that_shows_another_plan_starts_nothing(manager, promotion, planned):
    seen = planned(promotion).digest
    edit.exclude(cast.user("manager"), promotion, [promotion.events.first().pk])
    planned(promotion)
    answer = manager.post(url("replay", promotion), {"digest": seen})
    assert answer.status_code == 409
    assert "another one than this page showed" in answer.content.decode()
    assert "Replay 5 events to sit" in answer.content.decode()
    assert not PromotionJob.objects.filter(kind=JobKind.REPLAY).exists()


def test_a_stale_plan_has_no_button_but_the_one_for_a_new_plan(manager, promotion, planned):
    planned(promotion, mode="batches", batch_size=2)
    edit.exclude(cast.user("manager"), promotion, [promotion.events.first().pk])
    page = manager.get(url("replay", promotion)).content.decode()
    assert "Replay 6 events" not in page
    assert "Make a new plan" in page
    assert start(manager, promotion).status_code == 409
    assert Plan.objects.of(promotion).state == PlanState.STALE


def test_a_protected_target_needs_an_approved_plan_and_its_name(manager, promotion, planned):
    Environment.objects.filter(name="sit").update(protected=True, consumers_read="committed")
    plan = planned(promotion)
    page = manager.get(url("replay", promotion)).content.decode()
    assert "sit is protected" in page
    assert "Replay 6 events to sit" not in page
    assert start(manager, promotion, target="sit").status_code == 422
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.APPROVED)  # without an approval that counts
    page = manager.get(url("replay", promotion)).content.decode()
    assert "Replay 6 events to sit" in page
    assert 'data-confirm="sit"' in page
    for typed in ("", "si", "SIT"):
        answer = start(manager, promotion, target=typed)
        assert answer.status_code == 422
        assert answer.context["form"].errors["target"]
    assert start(manager, promotion, target="sit").status_code == 422
    assert not PromotionJob.objects.filter(kind=JobKind.REPLAY).exists()


def test_a_refused_plan_is_not_started(manager, promotion, planned):
    promotion.events.update(timestamp=0)
    plan = planned(promotion)
    assert plan.state == PlanState.REFUSED
    page = manager.get(url("replay", promotion)).content.decode()
    assert "The plan is refused" in page
    assert "Replay 0 events" not in page
    assert start(manager, promotion).status_code == 422


def test_a_replay_that_did_not_go_through_says_why_on_the_page(manager, promotion, planned):
    planned(promotion)
    start(manager, promotion)
    Environment.objects.filter(name="sit").update(may_be_target=False)
    assert run_replay().state == JobState.REFUSED
    page = manager.get(url("replay", promotion)).content.decode()
    assert "The last replay did not go through" in page


def test_a_partly_replayed_promotion_goes_on_from_the_page(manager, promotion, planned, clusters):
    plan = planned(promotion, mode=Mode.BATCHES.value, batch_size=2)
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.STARTED)
    Replay.objects.create(plan=plan, started_by=cast.user("manager"), committed=2)
    type(promotion).objects.update(state=PromotionState.PARTLY_REPLAYED)
    page = manager.get(url("replay", promotion)).content.decode()
    assert "2 of 6 events have arrived" in page
    assert "Replay 4 events to sit" in page


def test_a_viewer_sees_the_page_and_may_not_start(client, promotion, planned):
    planned(promotion)
    client.force_login(cast.user("viewer"))
    page = client.get(url("replay", promotion))
    assert page.status_code == 200
    assert "Replay 6 events to sit" not in page.content.decode()
    assert start(client, promotion).status_code == 403


def test_the_receipt_is_a_page_a_download_and_a_command(
    client, manager, promotion, planned, clusters, capsys, tmp_path
):
    empty = manager.get(url("receipt", promotion)).content.decode()
    assert "Nothing was replayed yet" in empty
    planned(promotion)
    start(manager, promotion)
    run_replay()
    client.force_login(cast.user("viewer"))
    page = client.get(url("receipt", promotion)).content.decode()
    download = client.get(url("receipt_download", promotion))
    document = json.loads(b"".join(download.streaming_content))
    arrived = {(r.partition, r.offset) for r in consumed(clusters["sit"], promotion.target.topic)}
    assert {(r["target"]["partition"], r["target"]["offset"]) for r in document["receipts"]} == arrived
    sources = [(r["source"]["partition"], r["source"]["offset"]) for r in document["receipts"]]
    assert sources == list(promotion.events.in_order().values_list("partition", "offset"))
    assert document["digest"][:8] in page
    assert (document["promotion"], document["state"]) == (promotion.pk, "replayed")
    assert document["target"]["topic"] == promotion.target.topic
    assert [each["outcome"] for each in document["attempts"]] == ["committed"]

    call_command("promotion", "receipt", str(promotion.pk), "--json")
    assert json.loads(capsys.readouterr().out) == document
    out = tmp_path / "receipt.json"
    call_command("promotion", "receipt", str(promotion.pk), "--json", "--out", str(out))
    assert json.loads(out.read_text()) == document


def test_the_receipt_is_shown_a_page_at_a_time(manager, source, dev, sit, planned):
    source.many(250)
    source.produce()
    promotion = exported(dev, sit)
    planned(promotion)
    start(manager, promotion)
    run_replay()
    second = manager.get(url("receipt", promotion), {"from": "100"}).content.decode()
    assert "Events 101 to 200 of 250" in second
    for odd in ("250", "-1", "x", "9" * 30, "\u0663"):
        assert "Events 1 to 100 of 250" in manager.get(url("receipt", promotion), {"from": odd}).content.decode()
    partial = manager.get(url("receipt", promotion), {"from": "200"}, headers={"HX-Request": "true"}).content.decode()
    assert "Events 201 to 250 of 250" in partial
    assert "<html" not in partial


def test_the_command_line_replays_through_a_worker(promotion, capsys, monkeypatch):
    from promotion.management.subcommands import replaying

    monkeypatch.setattr(replaying.jobs, "enqueue", run_job)  # this process is the worker
    call_command("promotion", "replay", str(promotion.pk), "--as", cast.user("manager").username, "--wait", "--json")
    assert json.loads(capsys.readouterr().out)["state"] == PromotionState.REPLAYED


def test_the_command_line_ends_with_the_code_for_refused(promotion, capsys):
    Environment.objects.filter(name="sit").update(protected=True)
    with pytest.raises(SystemExit) as end:
        call_command("promotion", "replay", str(promotion.pk), "--as", cast.user("manager").username, "--wait")
    assert end.value.code == 3
    assert "protected" in json.loads(capsys.readouterr().out)["error"]
