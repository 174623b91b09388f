"""The pages of a replay and the command line, on real services."""

import json

import pytest
from django.core.management import call_command
from django.urls import reverse

from promotion.actions import edit, preflight
from promotion.models import Environment, Event, PromotionJob
from promotion.states import JobState, PromotionState
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
    seen = preflight.outgoing(promotion).fingerprint
    return client.post(url("replay", promotion), {"fingerprint": seen, **fields})


def test_the_page_says_what_will_happen_in_numbers_and_starts_it(manager, promotion):
    edit.exclude(cast.user("manager"), promotion, [promotion.events.first().pk])
    page = manager.get(url("replay", promotion)).content.decode()
    assert "Replay 5 events to sit" in page
    assert "read uncommitted records" in page
    assert promotion.target.topic in page
    assert start(manager, promotion).url == promotion.get_absolute_url()
    assert run_job(PromotionJob.objects.get()).state == JobState.SUCCEEDED
    assert manager.get(url("replay", promotion)).url == url("receipt", promotion)


def test_a_page_that_is_out_of_date_is_answered_with_the_numbers_of_now(manager, promotion):
    seen = preflight.outgoing(promotion).fingerprint
    edit.exclude(cast.user("manager"), promotion, [promotion.events.first().pk])
    answer = manager.post(url("replay", promotion), {"fingerprint": seen})
    assert answer.status_code == 409
    assert "have changed since this page showed them" in answer.content.decode()
    assert "Replay 5 events to sit" in answer.content.decode()
    assert not PromotionJob.objects.exists()


def test_what_is_refused_at_once_is_on_the_page_without_a_button(manager, promotion):
    Environment.objects.filter(name="sit").update(protected=True)
    page = manager.get(url("replay", promotion)).content.decode()
    assert "is protected" in page
    assert "Replay 6 events to sit" not in page
    answer = start(manager, promotion)
    assert answer.status_code == 422
    assert "is protected" in answer.content.decode()


def test_a_refusal_of_the_worker_is_on_the_page_with_what_to_do(manager, promotion):
    Event.objects.filter(pk=promotion.events.first().pk).update(timestamp=0)
    start(manager, promotion)
    assert run_job(PromotionJob.objects.get()).state == JobState.REFUSED
    page = manager.get(url("replay", promotion)).content.decode()
    assert "1 event cannot go to sit" in page
    assert "no timestamp" in page


def test_a_viewer_sees_the_page_and_may_not_start(client, promotion):
    client.force_login(cast.user("viewer"))
    page = client.get(url("replay", promotion))
    assert page.status_code == 200
    assert "Replay 6 events to sit" not in page.content.decode()
    assert start(client, promotion).status_code == 403


def test_the_receipt_is_a_page_a_download_and_a_command(client, manager, promotion, clusters, capsys, tmp_path):
    empty = manager.get(url("receipt", promotion)).content.decode()
    assert "Nothing was replayed yet" in empty
    start(manager, promotion)
    run_job(PromotionJob.objects.get())
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


def test_the_receipt_is_shown_a_page_at_a_time(manager, source, dev, sit):
    source.many(250)
    source.produce()
    promotion = exported(dev, sit)
    start(manager, promotion)
    run_job(PromotionJob.objects.get())
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
    assert "protected" in json.loads(capsys.readouterr().out)["problems"][0]
