"""A file becomes a promotion of its own, goes to a real target, and is proven there."""

import json

import pytest

from promotion.actions.connect import kafka_connection
from promotion.actions.import_file import import_again, import_file
from promotion.domain.files.items import FileEvent, Format
from promotion.domain.files.writing import write
from promotion.domain.keys import Tenancy
from promotion.errors import InvalidInput, Refused
from promotion.models import Export, LineVerdict, Promotion, PromotionJob, Verification
from promotion.states import Origin, PromotionState
from tests import cast
from tests.plans import stage as roles
from tests.plans.stage import trees
from tests.replay import stage
from tests.replay.running import run_job

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def kinds(source, sit):
    """Three types of roles, promotable; sit's registry has their schemas."""
    made = {action: roles.role(source, action) for action in ("Created", "Updated", "Deleted")}
    there = stage.Source(sit, source.namespace)
    for each in made.values():
        there.register(each)
    return made


def value(number: int, **changes) -> dict:
    event_id = {"id": f"user-{number % 3}", "nonce": number, "timestamp": stage.START + number, "derived": False}
    return {"EventId": event_id, "hostId": "h1", "roleId": f"role-{number}", "roleDesc": "x"} | changes


def events(kinds, count: int = 5) -> list[FileEvent]:
    name = kinds["Created"].full_name
    return [
        FileEvent(n, value(n), name, key=b"h1", timestamp=stage.START + n, partition=0, offset=n, version=0, line=n)
        for n in range(1, count + 1)
    ]


def text(form: Format, found: list[FileEvent]) -> bytes:
    return "".join(write(form, found, {"promotion": None, "source": "elsewhere", "topic": "t"})).encode()


def run(sit, data: bytes, form: str = "", title: str = "From a file", **more) -> tuple[Promotion, PromotionJob]:
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    promotion, _, job = import_file(cast.user("manager"), sit, title, "../etc/<b>events", pieces, form, **more)
    return promotion, run_job(job)


def lines(promotion) -> dict[int, str]:
    return dict(promotion.uploads.get().lines.values_list("number", "verdict"))


@pytest.mark.parametrize("form", list(Format))
def test_a_file_of_each_format_is_imported_replayed_and_proven(kinds, sit, replay, form):
    promotion, job = run(sit, text(form, events(kinds)))
    assert (job.state, job.error) == ("succeeded", "")
    promotion.refresh_from_db()
    assert (promotion.origin, promotion.source, promotion.state) == (Origin.FILE, None, PromotionState.EXPORTED)
    assert promotion.uploads.get().format == form
    totals = promotion.export.totals()
    assert (totals["read"], totals["kept"]) == (5, 5)
    assert [each.document["roleId"] for each in promotion.events.in_order()] == [f"role-{n}" for n in range(1, 6)]
    assert replay(promotion, nonce="keep").state == "succeeded"
    there = trees(sit, stage.everything(kafka_connection(sit), sit.topic))
    assert [each["roleId"] for each in there] == [f"role-{n}" for n in range(1, 6)]
    assert {each["EventId"]["nonce"] for each in there} == {1, 2, 3, 4, 5}
    run_job(PromotionJob.objects.get(promotion=promotion, kind="verify"))
    assert Verification.objects.get().verdict == "verified"


def test_the_good_entries_are_kept_and_every_other_one_is_named(kinds, sit):
    cast.event_type("net.lightapi.portal.x.NeverCreatedEvent", "not_promotable")
    cast.event_type("net.lightapi.portal.x.OpenCreatedEvent")
    name = kinds["Created"].full_name
    good = {"value": value(1), "type": name, "partition": 0, "offset": 1}
    derived = value(2)
    derived["EventId"]["derived"] = True
    entries = [
        good,
        {"value": value(3), "type": "net.lightapi.portal.x.NeverCreatedEvent"},
        {"value": value(3), "type": "net.lightapi.portal.x.OpenCreatedEvent"},
        {"value": value(3), "type": "<script>"},
        {"value": value(3, more="field"), "type": name},
        good,
        {"value": derived, "type": name},
        {"value": value(4), "type": name.rpartition(".")[2]},
        {"value": value(5), "type": name, "excluded": True},
    ]
    data = b"\n".join(json.dumps(each).encode() for each in entries) + b"\n{not json\n"
    promotion, job = run(sit, data, "jsonl")
    assert (job.state, job.error) == ("succeeded", "")
    assert lines(promotion) == {
        2: LineVerdict.LEFT_OUT,
        3: LineVerdict.LEFT_OUT,
        4: LineVerdict.LEFT_OUT,
        5: LineVerdict.INVALID,
        6: LineVerdict.REPEATED,
        7: LineVerdict.LEFT_OUT,
        10: LineVerdict.INVALID,
    }
    said = dict(promotion.uploads.get().lines.values_list("number", "problems"))
    assert "more" in said[5][0]
    assert said[6] == ["It is exactly the same as entry 1."]
    assert said[10][0].startswith("Not JSON")
    totals = promotion.export.totals()
    assert totals == {
        "read": 10, "kept": 3, "not_promotable": 1, "undecided": 2, "derived": 1, "filtered": 1, "tombstones": 0,
        "quarantined": 2,
    }  # fmt: skip
    assert list(promotion.events.filter(excluded=True).values_list("offset", flat=True)) == [9]


def test_a_file_that_was_imported_before_is_already_promoted(kinds, sit, replay, planned):
    data = text(Format.LINES, events(kinds))
    first, _ = run(sit, data)
    assert replay(first, nonce="keep").state == "succeeded"
    again, _ = run(sit, data, title="Again")
    plan = planned(again)
    assert plan.counts["already_promoted"] == 5
    assert plan.steps_count == 0


def test_a_file_that_ends_too_early_leaves_nothing_behind_and_can_be_read_again(kinds, sit):
    whole = text(Format.JSON, events(kinds))
    promotion, job = run(sit, whole[:-40])
    assert job.state == "failed"
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.IMPORT_FAILED
    job = run_job(import_again(promotion.owner, promotion))
    assert job.state == "failed"
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.IMPORT_FAILED


def test_what_was_read_of_a_file_that_ends_too_early_is_removed(kinds, sit, monkeypatch):
    from promotion.actions import export_chunk, import_run

    monkeypatch.setattr(export_chunk, "RECORDS", 2)
    monkeypatch.setattr(import_run, "RECORDS", 2)
    written = []
    write_chunk = import_run._write
    monkeypatch.setattr(import_run, "_write", lambda *found: (write_chunk(*found), written.append(found)))
    promotion, job = run(sit, b'[{"value": 1},' + text(Format.JSON, events(kinds, 7))[1:-40])
    assert (job.state, len(written)) == ("failed", 3)
    assert not promotion.events.exists()
    assert not promotion.uploads.get().lines.exists()
    assert not Export.objects.exists()


def test_what_is_no_file_of_events_is_said_at_once(kinds, sit):
    promotion, job = run(sit, b"GIF89a" + bytes(100))
    assert job.state == "failed"
    assert "GIF89a" in job.error
    assert promotion.events.count() == 0
    with pytest.raises(InvalidInput, match="empty"):
        import_file(cast.user("manager"), sit, "t", "x", [b""])
    with pytest.raises(Refused):
        import_file(cast.user("viewer"), sit, "t", "x", [b"{}"])
    assert Promotion.objects.count() == 1


def test_keys_of_the_file_count_where_somebody_says_what_they_are(source, sit, planned):
    kind = source.hostless()
    cast.event_type(kind.full_name, "promotable", schema=cast.store_schema(kind.text))
    stage.Source(sit, source.namespace).register(kind)
    body = {"EventId": value(1)["EventId"], "email": "x@example.org"}
    data = text(Format.LINES, [FileEvent(1, body, kind.full_name, key=b"h9", timestamp=stage.START)])
    unknown, _ = run(sit, data)
    assert "no host" in " ".join(planned(unknown).problems)
    known, _ = run(sit, data, title="Known", tenancy=Tenancy.MULTI)
    plan = planned(known)
    assert plan.problems == []
    assert bytes(plan.steps.get().key) == b"h9"


def test_an_import_that_is_taken_over_starts_anew_and_counts_once(kinds, sit):
    promotion, _, job = import_file(cast.user("manager"), sit, "Twice", "x.jsonl", [text(Format.JSONL, events(kinds))])
    from promotion.actions import import_run

    write_chunk = import_run._write

    def dies(*arguments):
        write_chunk(*arguments)
        raise SystemExit(9)

    import_run._write = dies
    try:
        with pytest.raises(SystemExit):
            run_job(job)
    finally:
        import_run._write = write_chunk
    assert promotion.events.count() == 5
    PromotionJob.objects.filter(pk=job.pk).update(lease_until="2020-01-01T00:00:00Z")
    assert run_job(job).state == "succeeded"
    assert promotion.events.count() == 5
    assert promotion.export.totals()["kept"] == 5


def test_a_file_of_the_newer_tools_is_taken_with_what_they_repeat_in_the_data(kinds, sit):
    data = {key: each for key, each in value(3).items() if key != "EventId"} | {"aggregateVersion": 1}
    entry = {
        "specversion": "1.0", "id": "01964b05-552a-7c4b-9184-6857e7f3dc5f", "source": "x", "user": "user-3", "nonce": 3,
        "type": kinds["Created"].full_name.rpartition(".")[2], "host": "h1", "data": data,
    }  # fmt: skip
    promotion, job = run(sit, json.dumps([entry]).encode())
    assert (job.state, job.error, lines(promotion)) == ("succeeded", "", {})
    document = promotion.events.get().document
    assert (document["EventId"]["id"], document["EventId"]["nonce"]) == ("user-3", 3)
    assert "aggregateVersion" not in document
