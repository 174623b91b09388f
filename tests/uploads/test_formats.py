"""Each format out, edited outside, and in again; and files of tools that know no positions."""

import json

import pytest

from promotion import jobs
from promotion.actions import apply_upload
from promotion.actions.download import download
from promotion.actions.edit import exclude
from promotion.actions.upload import upload
from promotion.domain.files.items import Format
from promotion.domain.schema import parse
from promotion.models import Revision, UploadChunk
from promotion.states import JobState
from tests import cast
from tests.events import stage
from tests.uploads.test_files import value_of, verdicts

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
FORMATS = pytest.mark.parametrize("form", Format)


def content_of(promotion, form, **options) -> bytes:
    return b"".join(download(None, promotion, form=form, **options).blocks())


def ended(promotion, content, form=""):
    """The upload and its job, after a worker has looked at the file in pieces of a few bytes."""
    pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)]
    made, job = upload(cast.user("manager"), promotion, "events", pieces, form)
    jobs.run(str(job.pk))
    job.refresh_from_db()
    made.refresh_from_db()
    return made, job


def compared(promotion, content, form=""):
    made, job = ended(promotion, content, form)
    assert job.state == JobState.SUCCEEDED, job.error
    return made


def lines(promotion, changes=None) -> list[str]:
    """The events as an older exporter writes them: no notes, unions tagged; `changes` are made to the first."""
    rows = []
    for number, event in enumerate(promotion.events.outgoing().in_order()):
        value = value_of(event) | ((changes or {}) if number == 0 else {})
        rows.append(f"host-1\x1e{event.event_type.full_name}\x1e{json.dumps(value)}")
    return rows


@FORMATS
@pytest.mark.parametrize("plain", [False, True])
def test_a_file_of_each_format_is_edited_outside_and_applied(promotion, manager, form, plain):
    event = promotion.events.in_order()[3]
    excluded = promotion.events.in_order()[4]
    exclude(manager, promotion, [excluded.pk])
    content = content_of(promotion, form, plain=plain, everything=True)
    assert (b'"roleDesc":{"string"' in content) != plain
    before = value_of(event)
    assert before["EventId"]["nonce"] > 2**53
    assert b'"nonce":%d' % before["EventId"]["nonce"] in content
    role = json.dumps(before["roleId"]).encode()
    assert content.count(b'"roleId":' + role) == 1
    made = compared(promotion, content.replace(b'"roleId":' + role, b'"roleId":"edited outside"'))
    assert (made.format, made.counts) == (form, {"changed": 1, "unchanged": 9})
    assert made.missing == 0
    assert not UploadChunk.objects.exists()
    assert apply_upload.apply(manager, made) == 1
    assert value_of(event) == before | {"roleId": "edited outside"}
    assert Revision.objects.get().event == event


@FORMATS
def test_an_unedited_file_of_each_format_changes_nothing(promotion, form):
    stage.event(promotion, key=b"\xff\x00")
    stage.event(promotion, stage.role(roleId="a\u2028b\x1ec^^d\n"), key=None)
    for plain in (False, True):
        made = compared(promotion, content_of(promotion, form, plain=plain))
        assert (made.counts, made.missing) == ({"unchanged": 12}, 0)


@FORMATS
def test_a_file_that_is_cut_off_or_of_another_format_applies_nothing(promotion, manager, form):
    content = content_of(promotion, form).replace(b'"roleId":"role', b'"roleId":"new', 1)
    other = Format.LINES if form != Format.LINES else Format.JSON
    _, job = ended(promotion, content, other)
    assert job.state == JobState.FAILED
    assert "array" in job.error or f"it looks like {form}" in job.error
    made, job = ended(promotion, content[:-40])
    if form in (Format.JSON, Format.CLOUDEVENTS):
        assert (job.state, "ends inside entry" in job.error) == (JobState.FAILED, True)
        with pytest.raises(apply_upload.Refused):
            apply_upload.apply(manager, made)
    else:  # the last line is bad, and says so
        assert (job.state, made.counts["invalid"]) == (JobState.SUCCEEDED, 1)
    _, job = ended(promotion, b"\x1f\x8b" + content)
    assert "compressed by gzip" in job.error
    assert not Revision.objects.exists()


def test_a_file_of_the_older_tools_without_positions_is_matched_by_type_id_and_nonce(promotion, manager):
    rows = lines(promotion, {"roleDesc": None})
    made = compared(promotion, "\n".join(["# a comment", *reversed(rows)]).encode())
    assert (made.format, made.counts, made.missing) == (Format.LINES, {"changed": 1, "unchanged": 9}, 0)
    assert verdicts(made)[11] == "changed"  # the line of the first event
    assert apply_upload.apply(manager, made) == 1
    assert value_of(promotion.events.in_order()[0])["roleDesc"] is None


def test_an_entry_without_a_position_is_unknown_where_none_or_several_events_are_it(promotion):
    twice = stage.role()
    for _ in range(2):
        stage.event(promotion, twice)
    stage.quarantined(promotion)
    name = stage.NAME
    other = twice | {"EventId": {"id": "nobody", "nonce": 5}}
    rows = [
        f"host-1\x1e{name}\x1e{json.dumps(twice)}",
        f"host-1\x1e{name}\x1e{json.dumps(other)}",
        f"host-1\x1enet.lightapi.portal.role.RoleDeletedEvent\x1e{json.dumps(twice)}",
        f'host-1\x1e{name}\x1e{{"hostId": "h"}}',
        *lines(promotion)[:1] * 2,
    ]
    made = compared(promotion, "\n".join(rows).encode())
    assert verdicts(made) == {
        1: "unknown", 2: "unknown", 3: "unknown", 4: "unknown", 5: "unchanged", 6: "duplicate",
    }  # fmt: skip
    said = {line.number: " ".join(line.problems) for line in made.lines.all()}
    assert "several events here" in said[1]
    assert "no event here is" in said[2]
    assert "RoleDeletedEvent" in said[3]
    assert "no type, EventId.id and nonce" in said[4]
    assert said[6] == "Line 5 is about the same event."


def test_cloud_events_without_an_event_id_keep_what_no_attribute_says(promotion, manager):
    schema = parse(stage.ROLE.replace('"nonce", "type": "long"}', '"nonce", "type": "long"},'
                   ' {"name": "derived", "type": "boolean", "default": false},'
                   ' {"name": "timestamp", "type": "long"}'))  # fmt: skip
    value = stage.role()
    value["EventId"] |= {"derived": True, "timestamp": 77}
    promotion.events.all().delete()
    event = stage.event(promotion, value, schema)
    entry = {
        "specversion": "1.0", "id": "019a7a8a-123d-7f82-8242-a22cef2fb14b", "source": "x", "type": "RoleCreatedEvent",
        "user": value["EventId"]["id"], "nonce": value["EventId"]["nonce"], "host": "h",
        "data": {"hostId": "moved", "roleId": value["roleId"], "roleDesc": None, "aggregateVersion": 3},
    }  # fmt: skip
    made = compared(promotion, json.dumps([entry]).encode())
    assert (made.format, verdicts(made)) == (Format.CLOUDEVENTS, {1: "changed"})
    apply_upload.apply(manager, made)
    after = value_of(event)
    assert (after["EventId"], after["hostId"]) == (value["EventId"], "moved")


def test_problems_of_an_array_name_the_line_too(promotion):
    content = content_of(promotion, Format.JSON).replace(b'"roleId":"role', b'"roleId":7,"x":"role', 1)
    made = compared(promotion, content)
    [line] = made.lines.filter(verdict="invalid")
    assert (line.number, line.problems[0].split(": ")[0]) == (2, "Line 3")


def test_more_entries_than_a_batch_are_each_compared_once(promotion, monkeypatch):
    from promotion.actions import compare

    monkeypatch.setattr(compare, "BATCH", 3)
    content = content_of(promotion, Format.JSONL).splitlines(keepends=True)
    made = compared(promotion, b"".join([*content, content[1], content[-1]]))
    assert made.counts == {"unchanged": 10, "duplicate": 2}
    said = dict(made.lines.filter(verdict="duplicate").values_list("number", "problems"))
    assert said == {12: ["Line 2 is about the same event."], 13: ["Line 11 is about the same event."]}


def test_each_download_has_a_name_and_a_type_that_say_what_it_is(browser, promotion):
    for form, ending, kind in (
        ("jsonl", "jsonl", "application/x-ndjson"),
        ("json", "json", "application/json"),
        ("lines", "lines.txt", "text/plain"),
        ("cloudevents", "cloudevents.json", "application/cloudevents-batch+json"),
    ):
        answer = browser.get(f"/promotions/{promotion.pk}/download/", {"format": form, "plain": "on"})
        assert answer["Content-Disposition"].endswith(f'-dev-to-sit.{ending}"')
        assert answer["Content-Type"].startswith(kind)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer.getvalue() == content_of(promotion, Format(form), plain=True)
    assert browser.get(f"/promotions/{promotion.pk}/download/", {"format": "xml"}).status_code == 422
