"""A file is imported from its page; what the console's pages then say of a promotion without a source."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from promotion import jobs
from promotion.domain.files.items import Format
from promotion.models import Promotion, PromotionJob, Upload
from promotion.states import PromotionState
from tests import cast
from tests.imports.test_import import events, kinds, text, value
from tests.imports.test_import import run as imported
from tests.replay.running import run_job

__all__ = ["kinds"]
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
URL = "/promotions/import/"


@pytest.fixture
def browser(client):
    client.force_login(cast.user("manager"))
    return client


def post(browser, content: bytes, name: str = "../<script>.json", **more):
    given = {"file": SimpleUploadedFile(name, content), "title": "From a file", "target": "sit", "format": "", **more}
    return browser.post(URL, given)


def page(browser, url) -> str:
    answer = browser.get(url, follow=True)
    assert answer.status_code == 200, url
    text = answer.content.decode()
    assert not re.search(r"\bNone\b(?![.:])", text), url
    return text


@pytest.mark.parametrize("form", Format)
def test_a_file_is_posted_and_its_promotion_leads_on(browser, kinds, sit, form):
    assert "Import a file" in page(browser, "/promotions/")
    assert "Recognise it" in page(browser, URL)
    answer = post(browser, text(form, events(kinds)), keys="multi")
    made = Promotion.objects.get()
    assert (answer.status_code, answer.url) == (302, made.get_absolute_url())
    assert (made.source_name, made.source_tenancy, made.uploads.get().format) == ("<script>.json", "multi", "")
    waits = page(browser, made.get_absolute_url())
    assert "Import of <bdi>&lt;script&gt;.json</bdi>" in waits
    assert "Waiting for a worker" in waits
    report = made.uploads.get().get_absolute_url()
    assert browser.get(report).url == made.get_absolute_url()
    jobs.run(str(PromotionJob.objects.get().pk))
    shown = page(browser, made.get_absolute_url())
    assert "What became of every entry" in shown
    assert "Repeated, or only excluded" in shown
    assert "Tombstones" not in shown
    assert "Next: look through 5 events" in shown
    assert "Every entry was imported" in page(browser, report)


def test_a_chosen_format_counts_and_another_one_is_said(browser, kinds, sit):
    post(browser, text(Format.LINES, events(kinds)), format="json")
    made = Promotion.objects.get()
    jobs.run(str(PromotionJob.objects.get().pk))
    failed = page(browser, made.get_absolute_url())
    assert "Next: read the file again" in failed
    assert "Read it again" in failed
    assert "Go on with the import" in page(browser, "/")
    answer = browser.post(reverse("promotion:import_again", args=[made.pk]), {"format": ""})
    assert answer.url == made.get_absolute_url()
    jobs.run(str(PromotionJob.objects.latest("queued_at").pk))
    made.refresh_from_db()
    assert (made.state, made.uploads.get().format) == (PromotionState.EXPORTED, "lines")
    assert browser.post(reverse("promotion:import_again", args=[made.pk]), {"format": ""}).status_code == 403


def test_a_file_in_which_nothing_is_of_the_chosen_format_fails_and_says_what_it_looks_like(browser, kinds, sit):
    promotion, job = imported(sit, text(Format.CLOUDEVENTS, events(kinds)), "json")
    assert (job.state, "looks like cloudevents" in job.error) == ("failed", True)
    assert "looks like cloudevents" in page(browser, promotion.get_absolute_url())


def test_what_was_not_taken_is_reported_and_cannot_be_applied(browser, kinds, sit):
    name = kinds["Created"].full_name
    rows = [
        {"value": value(1), "type": name},
        {"value": value(1), "type": name},
        {"value": value(2), "type": "<script>alert(1)</script>"},
        {"value": value(3, more="<b>"), "type": name},
    ]
    promotion, _ = imported(sit, b"\n".join(json.dumps(row).encode() for row in rows))
    report = promotion.uploads.get().get_absolute_url()
    shown = page(browser, report)
    assert "Entries that were not taken" in shown
    assert "exactly the same as entry 1" in shown
    assert "<script>alert" not in shown
    assert "Apply" not in shown
    assert browser.get(report, {"verdict": "invalid"}).context["page"].rows[0].number == 4
    for what in ("apply/", "discard/"):
        assert browser.post(report + what, {"missing": "exclude"}).status_code == 403
    assert promotion.events.outgoing().count() == 1
    warned = page(browser, promotion.get_absolute_url())
    assert "1 entry could not be read as an event" in warned
    assert f"{report}?verdict=invalid" in warned
    assert "quarantine" not in warned
    assert "Uploaded before" not in page(browser, reverse("promotion:upload", args=[promotion.pk]))


def test_every_page_of_a_promotion_without_a_source(browser, kinds, sit, replay, planned):
    promotion, _ = imported(sit, text(Format.JSON, events(kinds)))
    event = promotion.events.in_order()[2]  # behind the manifest, which is an entry too
    urls = [
        "/", "/promotions/", "/promotions/?source=:file", "/audit/", "/approvals/",
        promotion.get_absolute_url(), event.get_absolute_url(),
        *(reverse(f"promotion:{name}", args=[promotion.pk])
          for name in ("events", "things", "download", "upload", "plan", "replay", "receipt")),
    ]  # fmt: skip
    for url in urls:
        page(browser, url)
    assert "number 4 in the file" in page(browser, event.get_absolute_url())
    assert "From number" in page(browser, urls[7])
    planned(promotion, nonce="keep")
    for url in urls:
        page(browser, url)
    assert replay(promotion, nonce="keep").state == "succeeded"
    run_job(PromotionJob.objects.get(promotion=promotion, kind="verify"))
    for url in urls:
        page(browser, url)


def test_the_list_finds_promotions_that_come_from_no_environment(browser, kinds, sit):
    promotion, _ = imported(sit, text(Format.JSON, events(kinds)))
    cast.promotion(title="From dev")
    shown = [each for each, _ in browser.get("/promotions/", {"source": ":file"}).context["rows"]]
    assert shown == [promotion]
    assert [each.title for each, _ in browser.get("/promotions/", {"source": "dev"}).context["rows"]] == ["From dev"]
    assert "A file" in page(browser, "/promotions/?source=:file")


def test_what_cannot_be_a_promotion_is_said_at_the_form(browser, kinds, sit, settings):
    good = text(Format.JSON, events(kinds))
    for answer in (
        post(browser, b""),
        post(browser, good, title=" "),
        post(browser, good, target="nowhere"),
        post(browser, good, format="xml"),
        post(browser, good, title="a\x85b"),
        browser.post(URL, {}),
    ):
        assert answer.status_code == 422
    settings.MAX_UPLOAD_BYTES = 10
    for content in (b"x" * 11, b"x" * 100_000):
        answer = post(browser, content)
        assert (answer.status_code, "larger than 10 bytes" in answer.content.decode()) == (422, True)
    assert not Promotion.objects.exists()
    assert not Upload.objects.exists()


def test_an_import_without_a_token_is_refused(kinds, sit):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.user("manager"))
    assert post(browser, text(Format.JSON, events(kinds))).status_code == 403
    assert not Promotion.objects.exists()


def test_an_import_that_is_cancelled_can_be_started_again(browser, kinds, sit):
    post(browser, text(Format.JSON, events(kinds)))
    promotion = Promotion.objects.get()
    browser.post(reverse("promotion:cancel", args=[promotion.pk]))
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.IMPORT_FAILED
    assert "cancelled the import" in page(browser, promotion.get_absolute_url())
    browser.post(reverse("promotion:import_again", args=[promotion.pk]), {"format": "json"})
    jobs.run(str(PromotionJob.objects.latest("queued_at").pk))
    assert promotion.events.count() == 5
