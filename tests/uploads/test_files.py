"""Download, edit, upload: through the pages, with the comparison done as a worker does it."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from promotion import jobs
from promotion.actions import apply_upload
from promotion.actions.download import download
from promotion.actions.edit import edit, exclude
from promotion.actions.outgoing import outgoing
from promotion.actions.upload import upload
from promotion.domain.files.objects import FORMAT
from promotion.domain.json_codec import to_json_value
from promotion.domain.masks import SIGN
from promotion.errors import Conflict, InvalidInput, Refused
from promotion.models import AuditEntry, Event, PromotionJob, Revision, RuleList, Upload
from promotion.states import JobState, PromotionState, RevisionKind
from tests import cast
from tests.events import stage

# The lease of a job is renewed on a connection of its own, which sees committed rows only.
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def lines_of(promotion, everything=False):
    return [json.loads(line) for line in download(None, promotion, everything)]


def compared(promotion, content, name="events.jsonl"):
    """The upload of `content` (bytes, or lines as values) after a worker has compared it."""
    if not isinstance(content, bytes):
        content = b"".join(json.dumps(line).encode() + b"\n" for line in content)
    made, job = upload(cast.user("manager"), promotion, name, [content])
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error
    made.refresh_from_db()
    return made


def value_of(event):
    event = Event.objects.get(pk=event.pk)
    body = outgoing(event)
    return to_json_value(body.schema, body.data)


def verdicts(made):
    return {line.number: line.verdict for line in made.lines.all()}


def test_the_file_has_a_manifest_and_every_outgoing_event_in_order(promotion, manager):
    events = list(promotion.events.in_order())
    exclude(manager, promotion, [events[2].pk])
    stage.quarantined(promotion)
    head, *rest = lines_of(promotion)
    assert head["manifest"]["format"] == FORMAT
    assert head["manifest"]["promotion"] == promotion.pk
    assert head["manifest"]["events"] == 9
    assert [(line["partition"], line["offset"]) for line in rest] == [
        (event.partition, event.offset) for event in events if event != events[2]
    ]
    assert rest[0]["value"] == value_of(events[0])
    assert rest[0]["value"]["EventId"]["nonce"] > 2**53
    assert rest[0]["key"] == "host-1"
    assert [line["excluded"] for line in lines_of(promotion, everything=True)[1:]].count(True) == 1


def test_a_key_that_is_no_text_is_downloaded_as_base64(promotion):
    stage.event(promotion, key=b"\xff\x00")
    assert lines_of(promotion)[-1]["key"] == {"base64": "/wA="}


def test_an_unedited_file_changes_nothing(promotion):
    made = compared(promotion, lines_of(promotion))
    assert made.counts == {"unchanged": 10}
    assert made.missing == 0
    assert apply_upload.apply(cast.user("manager"), made) == 0
    assert not Revision.objects.exists()


def test_only_what_says_the_same_to_the_last_digit_is_unchanged_at_a_glance(promotion):
    *_, first, second, third = lines_of(promotion)
    first["value"] = dict(reversed(first["value"].items()))  # another text that says the same
    second["value"]["EventId"]["nonce"] = float(stage.LARGE - 1)
    third["value"]["roleDesc"] = {"string": third["value"]["roleDesc"]["string"] + " "}
    made = compared(promotion, [first, second, third])
    assert verdicts(made) == {1: "unchanged", 2: "invalid", 3: "changed"}


def test_a_mask_in_a_value_that_was_read_so_is_no_value_to_upload(promotion):
    event = stage.event(promotion, stage.role(roleId=f"{SIGN} 1 aaaa•••"))
    line = next(line for line in lines_of(promotion)[1:] if line["value"]["roleId"].startswith(SIGN))
    made = compared(promotion, [line])
    assert verdicts(made) == {1: "invalid"}
    assert "mask" in made.lines.get().problems[0]
    assert made.lines.get().event == event


def test_an_applied_line_is_a_revision_on_top_of_the_one_before_and_can_be_searched(promotion, manager):
    events = list(promotion.events.in_order())
    exclude(manager, promotion, [events[2].pk])
    edit(manager, events[0], 0, json.dumps(stage.role(hostId="by hand")))
    head, first, second, third, *_ = lines_of(promotion, everything=True)
    first["value"] |= {"hostId": "a\0b\\", "roleId": "\t\u2028"}
    second["excluded"] = True
    third |= {"excluded": False, "value": third["value"] | {"roleId": "taken in"}}
    RuleList.objects.create(promotion=promotion, applied=[{"id": "a rule", "rule": {}, "enabled": True}])
    assert apply_upload.apply(manager, compared(promotion, [head, first, second, third])) == 3
    one, two, three = (Event.objects.get(pk=event.pk) for event in events[:3])
    assert (one.revision.number, one.revision.parent.number, one.revision.kind) == (2, 1, RevisionKind.UPLOAD)
    assert (one.revision.note, one.revision.author, one.revision.rules) == ("line 2", manager, ["a rule"])
    assert value_of(one)["hostId"] == "a\0b\\"
    assert (one.host, one.document["hostId"], one.document["roleId"]) == ("a\ufffdb\\", "a\ufffdb\\", "\t\u2028")
    assert (one.excluded, one.hand_excluded, one.version) == (False, None, 2)
    assert (two.excluded, two.hand_excluded, two.revision, two.version) == (True, True, None, 1)
    assert (two.host, two.document) == (events[1].host, events[1].document)
    assert (three.excluded, three.hand_excluded, three.revision.parent, three.version) == (False, False, None, 2)
    assert three.revision.schema == three.schema


def test_every_verdict_is_reported_by_line_number_before_anything_is_applied(promotion, manager):
    events = list(promotion.events.in_order())
    exclude(manager, promotion, [events[7].pk])
    head, *rest = lines_of(promotion, everything=True)
    edit(manager, events[4], 0, json.dumps(stage.role()))
    rest[0]["value"]["roleId"] = "changed"  # line 2
    rest[1]["excluded"] = True  # line 3
    rest[2]["value"]["hostId"] = 7  # line 4: does not fit
    rest[3]["type"] = "x.Y"  # line 5
    rest[5]["offset"] = 99  # line 7: unknown; line 6 is stale
    rest[6] = rest[0]  # line 8: duplicate
    rest[7]["excluded"] = False  # line 9
    made = compared(promotion, [head, *rest[:8], "no object"])
    assert verdicts(made) == {
        2: "changed", 3: "excluded", 4: "invalid", 5: "invalid", 6: "stale", 7: "unknown", 8: "duplicate",
        9: "included", 10: "invalid",
    }  # fmt: skip
    problems = {line.number: line.problems for line in made.lines.all()}
    assert problems[4] == ["$.hostId: expected string, found 7. Write it in quotes."]
    assert "a file cannot change it" in problems[5][0]
    assert "0:99" in problems[7][0] or "1:99" in problems[7][0]
    assert "Line 2" in problems[8][0]
    assert made.missing == 4  # the events of lines 7 and 8, and the last two
    assert value_of(events[0])["roleId"] != "changed"
    assert not Event.objects.get(pk=events[1].pk).excluded


def test_a_line_that_changes_key_or_timestamp_is_invalid_and_says_where_they_come_from(promotion):
    stage.event(promotion, key=b"\xff\x00")
    _, *rest = lines_of(promotion)
    rest[0]["key"] = "another"  # line 1
    rest[1]["timestamp"] += 1
    rest[2] |= {"key": None, "timestamp": str(rest[2]["timestamp"]), "type": "x.Y"}
    del rest[3]["key"], rest[3]["timestamp"], rest[3]["type"]  # line 4
    rest[4] |= {"key": "another", "excluded": True}
    rest[-1]["key"]["base64"] = "/wE="
    made = compared(promotion, rest)
    invalid = dict.fromkeys((1, 2, 3, 5, 11), "invalid")
    assert verdicts(made) == dict.fromkeys(range(1, 12), "unchanged") | invalid
    problems = {line.number: line.problems for line in made.lines.all()}
    assert problems[1] == ["The key follows from the event's host or user: change those. A file cannot change it."]
    assert problems[2] == ["The timestamp follows from the plan's policy: choose it there. A file cannot change it."]
    assert [problem.split()[1] for problem in problems[3]] == ["type", "key", "timestamp"]


def test_good_lines_are_applied_as_revisions_and_audited(promotion, manager):
    events = list(promotion.events.in_order())
    exclude(manager, promotion, [events[2].pk])
    _, *rest = lines_of(promotion, everything=True)
    rest[0]["value"]["roleId"], rest[0]["value"]["hostId"] = "changed", "host-new"
    rest[1]["excluded"], rest[1]["value"]["roleId"] = True, "changed and excluded"
    rest[2]["excluded"] = False
    made = compared(promotion, rest)
    assert apply_upload.apply(manager, made) == 3
    first, second, third = (Event.objects.get(pk=each.pk) for each in events[:3])
    assert (first.host, first.document["roleId"], first.version, first.excluded) == ("host-new", "changed", 1, False)
    assert (second.excluded, value_of(second)["roleId"], second.version) == (True, "changed and excluded", 1)
    assert (third.excluded, third.edited, third.version) == (False, False, 2)
    revision = first.revisions.get()
    assert (revision.kind, revision.author, revision.number) == (RevisionKind.UPLOAD, manager, 1)
    entry = AuditEntry.objects.filter(verb="apply upload").get()
    assert entry.after == {"upload": made.pk, "events": 3, "missing": 0}
    with pytest.raises(Refused):
        apply_upload.apply(manager, made)


def test_an_event_that_moved_after_the_comparison_stops_all_of_it(promotion, manager):
    events = list(promotion.events.in_order())
    _, *rest = lines_of(promotion)
    for line in rest:
        line["value"]["roleId"] = "changed"
    made = compared(promotion, rest)
    exclude(manager, promotion, [events[3].pk])
    with pytest.raises(Conflict, match="lines 4"):
        apply_upload.apply(manager, made)
    assert not Revision.objects.exists()
    assert Upload.objects.get().applied_at is None


def test_events_that_the_file_does_not_mention_stay_or_are_excluded(promotion, manager):
    _, *rest = lines_of(promotion)
    made = compared(promotion, rest[:4])
    assert made.missing == 6
    assert apply_upload.apply(manager, made) == 0
    assert promotion.events.outgoing().count() == 10
    made = compared(promotion, rest[:4])
    assert apply_upload.apply(manager, made, exclude_missing=True) == 6
    assert promotion.events.outgoing().count() == 4


def test_lines_end_at_a_line_feed_only(promotion):
    event = stage.event(promotion, stage.role(roleId="a\u2028b\u0085c\x0bd"))
    line = next(each for each in lines_of(promotion)[1:] if each["offset"] == event.offset and
                each["partition"] == event.partition)  # fmt: skip
    raw = b"\xef\xbb\xbf" + json.dumps(line, ensure_ascii=False).encode() + b"\r\n\r\n   \n"
    line["value"]["roleId"] += "!"
    assert verdicts(compared(promotion, raw)) == {1: "unchanged"}
    assert verdicts(compared(promotion, [line])) == {1: "changed"}


def test_a_value_of_null_is_refused_and_not_taken_for_unchanged(promotion):
    line = lines_of(promotion)[1]
    made = compared(promotion, [line | {"value": None}])
    assert made.lines.get().problems == ["'value' is missing. It holds the event itself."]


def test_a_line_that_is_too_long_is_refused_and_the_next_is_read(promotion, monkeypatch):
    from promotion.domain.files import splitting

    monkeypatch.setattr(splitting, "MAX_ENTRY", 1000)
    line = json.dumps(lines_of(promotion)[1]).encode()
    made = compared(promotion, b'{"x": "' + b"y" * 2000 + b'"}\n' + line)
    assert verdicts(made) == {1: "invalid", 2: "unchanged"}


def test_a_file_of_another_promotion_is_refused(promotion, manager):
    other = stage.promotion(3, title="Another")
    _, job = upload(manager, other, "x", [json.dumps(lines_of(promotion)[0]).encode()])
    jobs.run(str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert f"promotion {promotion.pk}" in job.error
    other.refresh_from_db()
    assert other.state == PromotionState.EXPORTED


def test_an_empty_or_too_large_file_is_refused_and_nothing_is_stored(promotion, manager, settings):
    settings.MAX_UPLOAD_BYTES = 10
    for content in ([], [b"x" * 6, b"x" * 6]):
        with pytest.raises(InvalidInput):
            upload(manager, promotion, "x", content)
    assert not Upload.objects.exists()


def test_the_pages_upload_compare_and_apply(browser, promotion):
    answer = browser.get(reverse("promotion:download", args=[promotion.pk]), {"format": "jsonl"})
    assert answer["Content-Disposition"] == f'attachment; filename="promotion-{promotion.pk}-dev-to-sit.jsonl"'
    content = b"".join(answer.streaming_content).replace(b'"roleId":"role', b'"roleId":"new-role', 1)
    form = reverse("promotion:upload", args=[promotion.pk])
    assert browser.get(form).status_code == 200
    file = SimpleUploadedFile("../../<script>.jsonl", content)
    url = browser.post(form, {"file": file}).url
    assert "Waiting for a worker" in browser.get(url).content.decode()
    assert "hx-trigger" in browser.get(url, headers={"HX-Request": "true"}).content.decode()
    jobs.run(str(PromotionJob.objects.get().pk))
    assert browser.get(url, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    page = browser.get(url).content.decode()
    assert "Apply 1 change" in page
    assert "<script>.jsonl" not in page
    assert browser.get(url, {"verdict": "unchanged"}).context["page"].rows[0].verdict == "unchanged"
    answer = browser.post(url + "apply/", {"missing": "keep"})
    assert answer.status_code == 302
    assert "was applied" in browser.get(url).content.decode()
    assert promotion.events.filter(document__roleId__startswith="new-role").count() == 1


def test_a_conflict_is_shown_on_the_report(browser, promotion, manager):
    line = lines_of(promotion)[1]
    line["value"]["roleId"] = "x"
    made = compared(promotion, [line])
    exclude(manager, promotion, list(promotion.events.values_list("pk", flat=True)))
    answer = browser.post(made.get_absolute_url() + "apply/", {"missing": "keep"})
    assert answer.status_code == 409
    assert "Nothing was applied" in answer.content.decode()


def test_a_file_that_is_larger_than_allowed_is_said_at_the_field(browser, promotion, settings):
    settings.MAX_UPLOAD_BYTES = 10
    form = reverse("promotion:upload", args=[promotion.pk])
    small = browser.post(form, {"file": SimpleUploadedFile("x", b"x" * 11)})
    large = browser.post(form, {"file": SimpleUploadedFile("x", b"x" * 100_000)})
    for answer in (small, large):
        assert answer.status_code == 422
        assert "larger than 10 bytes" in answer.content.decode()
    assert browser.post(form, {}).status_code == 422
    assert not Upload.objects.exists()


def test_an_upload_without_a_token_is_refused(promotion, manager):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(manager)
    answer = browser.post(reverse("promotion:upload", args=[promotion.pk]), {"file": SimpleUploadedFile("x", b"{}")})
    assert answer.status_code == 403
    assert not Upload.objects.exists()


def test_a_viewer_downloads_and_may_not_upload_apply_or_discard(client, promotion):
    made = compared(promotion, lines_of(promotion))
    client.force_login(cast.user("viewer"))
    assert client.get(reverse("promotion:download", args=[promotion.pk]), {"format": "jsonl"}).status_code == 200
    assert client.get(made.get_absolute_url()).status_code == 200
    assert "Apply" not in client.get(made.get_absolute_url()).content.decode()
    form = reverse("promotion:upload", args=[promotion.pk])
    assert client.get(form).status_code == 403
    assert client.post(form, {"file": SimpleUploadedFile("x", b"{}")}).status_code == 403
    for what in ("apply/", "discard/"):
        assert client.post(made.get_absolute_url() + what, {"missing": "keep"}).status_code == 403


def test_a_discarded_file_can_not_be_applied(browser, promotion, manager):
    made = compared(promotion, lines_of(promotion))
    assert browser.post(made.get_absolute_url() + "discard/").status_code == 302
    with pytest.raises(Refused):
        apply_upload.apply(manager, made)
    assert not made.chunks.exists()
