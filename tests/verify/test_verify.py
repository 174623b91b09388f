"""The target is read back after a replay: what is wrong there is found, on a real cluster."""

from dataclasses import replace
from datetime import timedelta

import pytest

from promotion.actions import sweep, verify, verify_read
from promotion.actions.connect import kafka_connection
from promotion.actions.verify import follow_up, request_verify
from promotion.domain.record import OutgoingRecord
from promotion.errors import Refused
from promotion.kafka.cluster import create_topic
from promotion.kafka.writer import TransactionalWriter
from promotion.models import AuditEntry, Environment, PlanStep, Promotion, PromotionJob, Receipt, Replay, Verification
from promotion.states import JobKind, JobState, PromotionState, VerificationVerdict
from tests import cast
from tests.jobs.processes import until
from tests.replay.running import Worker, run_job, take_over
from tests.replay.stage import exported
from tests.services import unique
from tests.verify.conftest import EVENTS
from tests.verify.target import admin, delete_before, pins, records, verified, widen, write

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
KINDS = ("missing", "duplicated", "reordered", "altered", "expired")


def faults(found: Verification) -> dict[str, int]:
    return {kind: getattr(found, kind) for kind in KINDS if getattr(found, kind)}


def test_a_replay_is_followed_by_its_verification(replayed):
    (job,) = PromotionJob.objects.filter(kind=JobKind.VERIFY)
    assert (job.state, job.requested_by) == (JobState.QUEUED, cast.user("manager"))
    found = verified(replayed)
    assert (found.verdict, found.expected, found.found) == (VerificationVerdict.VERIFIED, EVENTS, EVENTS)
    assert (faults(found), found.foreign, found.faults) == ({}, 0, [])
    assert found.requested_by == cast.user("manager")
    replayed.refresh_from_db()
    assert replayed.state == PromotionState.REPLAYED
    entry = AuditEntry.objects.first()
    assert (entry.verb, entry.after["verdict"]) == ("verified", "verified")


def test_anybody_who_sees_the_console_may_ask_again_and_every_answer_is_kept(replayed):
    verified(replayed)
    found = verified(replayed, "viewer")
    assert found.requested_by == cast.user("viewer")
    assert Verification.objects.count() == 2
    with pytest.raises(Refused):
        request_verify(cast.stranger(), replayed)


def test_nothing_that_was_not_sent_is_verified(source, dev, sit):
    source.many(2)
    source.produce()
    with pytest.raises(Refused, match="was sent"):
        request_verify(cast.user("viewer"), exported(dev, sit))


def test_foreign_records_are_counted_and_no_fault(replayed):
    others = [
        replace(records(replayed)[0], headers=()),
        replace(records(replayed)[0], headers=(("promotion.id", b"0"),)),
    ]
    write(replayed, *others)
    widen(replayed)
    found = verified(replayed)
    assert (found.verdict, found.foreign) == (VerificationVerdict.VERIFIED, 2)


def test_a_second_copy_is_a_duplicate(replayed):
    copied = records(replayed)[0]
    write(replayed, copied)
    widen(replayed)
    found = verified(replayed)
    assert (found.verdict, faults(found)) == (VerificationVerdict.FAILED, {"duplicated": 1})
    (fault,) = found.faults
    (second,) = [p.end - 1 for p in pins(replayed) if p.partition == copied.partition]
    assert fault["target"] == f"{copied.partition}:{second}"
    assert f"{copied.partition}:{copied.offset}" in fault["what"]
    assert found.found == EVENTS


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("key", lambda r: replace(r, key=r.key + b"!")),
        ("timestamp", lambda r: replace(r, timestamp=r.timestamp + 1)),
        ("headers", lambda r: replace(r, headers=(*r.headers, ("x", b"1")))),
        ("body", lambda r: replace(r, value=r.value[:-1] + bytes([r.value[-1] ^ 2]))),
        ("schema, body", lambda r: replace(r, value=b"no frame")),
        ("schema (its schema is not known", lambda r: replace(r, value=b"\0\x7f\xff\xff\xff" + r.value[5:])),
    ],
)
def test_an_altered_copy_is_found_and_says_in_what(replayed, part, change):
    write(replayed, change(records(replayed)[0]))
    widen(replayed)
    found = verified(replayed)
    assert (found.verdict, faults(found)) == (VerificationVerdict.FAILED, {"altered": 1})
    assert f"in: {part}" in found.faults[0]["what"]


def test_what_was_replaced_by_an_altered_one_is_not_missing_as_well(replayed):
    first = next(r for r in records(replayed) if r.offset == 0)
    delete_before(replayed, first.partition, 1)
    write(replayed, replace(first, value=first.value + b"!"))
    widen(replayed)
    found = verified(replayed)
    assert faults(found) == {"altered": 1}
    assert found.found == EVENTS - 1


def test_two_events_of_one_key_that_changed_places_are_found(replayed):
    by_key: dict = {}
    for record in records(replayed):
        by_key.setdefault(record.key, []).append(record)
    one, other = max(by_key.values(), key=len)[:2]
    delete_before(replayed, one.partition, max(r.offset for r in records(replayed) if r.partition == one.partition) + 1)
    write(replayed, other, one)
    widen(replayed)
    found = verified(replayed)
    assert found.reordered == 1
    assert found.verdict == VerificationVerdict.FAILED
    fault = next(each for each in found.faults if each["kind"] == "reordered")
    assert "stands before it" in fault["what"]


def test_what_retention_has_deleted_is_expired_and_the_rest_is_right(replayed):
    gone = Receipt.objects.committed().filter(offset=0).first()
    delete_before(replayed, gone.partition, 1)
    found = verified(replayed)
    assert (found.verdict, faults(found)) == (VerificationVerdict.INCOMPLETE, {"expired": 1})
    assert found.found == EVENTS - 1
    assert found.faults[0]["target"] == f"{gone.partition}:0"


def test_a_record_that_is_nowhere_is_missing(replayed):
    # A receipt beyond the end: what a broker that lost its disk leaves behind.
    lost = Receipt.objects.committed().filter(offset=0).first()
    delete_before(replayed, lost.partition, 1)
    Receipt.objects.filter(attempt=lost.attempt_id, ordinal=lost.ordinal).update(offset=10_000)
    found = verified(replayed)
    assert (found.verdict, faults(found)) == (VerificationVerdict.FAILED, {"missing": 1})
    step = PlanStep.objects.select_related("event").get(ordinal=lost.ordinal)
    assert found.faults[0]["source"] == f"{step.event.partition}:{step.event.offset}"


def test_a_topic_that_was_made_anew_lacks_everything(replayed):
    topic, client = replayed.target.topic, admin(replayed)
    client.delete_topics([topic])[topic].result(10)
    until(lambda: create_topic(kafka_connection(replayed.target), topic, 3), what="the old topic's end")
    found = verified(replayed)
    assert (found.verdict, faults(found)) == (VerificationVerdict.FAILED, {"missing": EVENTS})


def test_plans_of_older_versions_without_digests_are_verified_by_their_bytes(replayed):
    PlanStep.objects.update(record_digest=b"")
    assert verified(replayed).verdict == VerificationVerdict.VERIFIED
    write(replayed, replace(records(replayed)[0], timestamp=5))
    widen(replayed)
    assert faults(verified(replayed)) == {"altered": 1}


def test_a_topic_that_stamps_records_itself_is_verified(clusters, source, dev, replay):
    from tests.replay import stage

    sit = stage.environment("sit", clusters["sit"], config={"message.timestamp.type": "LogAppendTime"})
    source.many(4)
    source.produce()
    promotion = exported(dev, sit)
    assert replay(promotion).state == JobState.SUCCEEDED
    assert verified(promotion).verdict == VerificationVerdict.VERIFIED


def test_aborted_records_are_not_seen(source, dev, sit, replay):
    from promotion.actions.replay_start import request_replay

    source.many(6)
    source.produce()
    promotion = exported(dev, sit)
    job = request_replay(cast.user("manager"), promotion)
    Worker(job, "after-receipts").wait()
    assert take_over(job).state == JobState.SUCCEEDED
    widen(promotion)
    found = verified(promotion)
    assert (found.verdict, faults(found), found.found) == (VerificationVerdict.VERIFIED, {}, 6)


def test_another_ones_open_transaction_is_waited_for_and_named(replayed, monkeypatch):
    monkeypatch.setattr(verify_read, "HELD_SECONDS", 0.0)
    kafka, topic = kafka_connection(replayed.target), replayed.target.topic
    with TransactionalWriter(kafka, topic, unique("somebody-else"), 3) as writer:
        writer.begin()
        writer.produce(0, OutgoingRecord(2, 1, b"k", b"v"))
        writer.flush()
        ends = {str(p.partition): p.high for p in pins(replayed)}
        Replay.objects.update(before=dict.fromkeys(ends, 0), after=ends)
        waiting = PromotionJob.objects.get(kind=JobKind.VERIFY)
        ended = run_job(waiting)
        assert (ended.state, ended.exit_code) == (JobState.FAILED, 6)
        assert "partition 2" in ended.error
        monkeypatch.undo()
        seen = []

        def look(seconds):
            seen.append(seconds)
            if len(seen) == 1:
                writer.abort()

        monkeypatch.setattr(verify_read.time, "sleep", look)
        assert verified(replayed).verdict == VerificationVerdict.VERIFIED
        assert seen


def test_another_cluster_behind_the_same_environment_is_no_proof(replayed, clusters):
    Environment.objects.filter(name="sit").update(bootstrap_servers=clusters["dev"].bootstrap_servers)
    ended = run_job(PromotionJob.objects.get(kind=JobKind.VERIFY))
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 6)
    assert "now is on" in ended.error
    assert not Verification.objects.exists()


def test_a_verification_that_was_never_asked_for_is_swept_up_once(replayed):
    PromotionJob.objects.filter(kind=JobKind.VERIFY).delete()
    (job,) = sweep.sweep()
    assert (job.kind, job.requested_by) == (JobKind.VERIFY, cast.user("manager"))
    assert verify.unproven() == []
    PromotionJob.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    assert verify.unproven() == []  # it was asked for: not again and again


def test_old_replays_are_left_alone_by_the_sweep(replayed):
    PromotionJob.objects.filter(kind=JobKind.VERIFY).delete()
    replays = PromotionJob.objects.filter(kind=JobKind.REPLAY)
    replays.update(ended_at=replays.get().ended_at - timedelta(days=2))
    assert verify.unproven() == []


def test_only_a_replay_that_succeeded_is_followed_up(replayed):
    job = PromotionJob.objects.get(kind=JobKind.REPLAY)
    assert follow_up(job) is None  # one waits already
    PromotionJob.objects.filter(kind=JobKind.VERIFY).delete()
    PromotionJob.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    assert follow_up(job) is None
    PromotionJob.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    user = job.requested_by
    user.is_active = False
    user.save()
    assert follow_up(job).requested_by == user  # the proof does not depend on what they may do by now


def test_an_unfinished_replay_is_read_by_those_who_replay(replayed):
    PromotionJob.objects.filter(kind=JobKind.VERIFY).delete()
    Promotion.objects.update(state=PromotionState.REPLAY_FAILED)
    replayed.refresh_from_db()
    with pytest.raises(Refused):
        request_verify(cast.user("viewer"), replayed)
    assert request_verify(cast.user("manager"), replayed).kind == JobKind.VERIFY
