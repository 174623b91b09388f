"""Kafka has lost the marker: the target itself says what has arrived, a person says so, the replay goes on."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from promotion.actions import failpoints, finish, replay_marker
from promotion.actions.reconcile import reconcile
from promotion.actions.replay_start import request_replay
from promotion.actions.verify import request_verify
from promotion.domain.provenance import read_provenance
from promotion.errors import Conflict, Incomplete, InvalidInput, Refused
from promotion.kafka.marker import Marker
from promotion.models import AuditEntry, Receipt, Reconciliation, Replay, ReplayAttempt, Verification
from promotion.states import AttemptOutcome, JobState, PromotionState, VerificationVerdict
from tests import cast
from tests.replay.running import Worker, expire, run_job, take_over
from tests.replay.stage import consumed, exported
from tests.verify.lost import commit_some, in_doubt
from tests.verify.target import delete_before, lose_marker, records, verified, write

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
EVENTS, ARRIVED = 20, 8
REASON = "I have looked at the target."


@pytest.fixture
def promotion(source, dev, sit):
    source.many(EVENTS)
    source.produce()
    return exported(dev, sit)


def requested(promotion):
    return request_replay(cast.user("manager"), promotion)


def evidence(promotion) -> Verification:
    return verified(promotion, "manager")


def say(promotion, committed: int, who: str = "manager") -> Reconciliation:
    return reconcile(cast.user(who), promotion, committed, REASON)


def problems(promotion, committed: int) -> str:
    with pytest.raises(Refused) as refused:
        say(promotion, committed)
    assert not Reconciliation.objects.exists()
    return " ".join(refused.value.problems)


def assert_once(clusters, promotion):
    """Every event stands on the target once, and where the receipt says."""
    arrived = consumed(clusters["sit"], promotion.target.topic)
    said = [read_provenance(record.headers).source for record in arrived]
    wanted = list(promotion.events.outgoing().in_order().values_list("partition", "offset"))
    assert sorted((hop.partition, hop.offset) for hop in said) == sorted(wanted)
    at = {(h.partition, h.offset): (r.partition, r.offset) for h, r in zip(said, arrived, strict=True)}
    receipts = {r.ordinal: (r.partition, r.offset) for r in Receipt.objects.committed()}
    assert [at[where] for where in wanted] == [receipts[n] for n in range(len(wanted))]


def test_the_replay_goes_on_behind_what_has_arrived_and_repeats_nothing(clusters, promotion):
    in_doubt(promotion, ARRIVED)
    found = evidence(promotion)
    assert (found.arrived_prefix, found.arrived_beyond, found.expected) == (ARRIVED, 0, ARRIVED)
    assert found.verdict == VerificationVerdict.INCOMPLETE
    made = say(promotion, ARRIVED)
    assert (made.evidence, made.last_attempt, made.committed) == (found, 1, ARRIVED)
    entry = AuditEntry.objects.first()
    assert (entry.verb, entry.reason, entry.after) == ("reconcile", REASON, {"committed": ARRIVED})

    assert run_job(requested(promotion)).state == JobState.SUCCEEDED

    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REPLAYED
    assert_once(clusters, promotion)
    assert verified(promotion).verdict == VerificationVerdict.VERIFIED


def test_a_worker_that_died_after_the_commit_had_sent_everything(clusters, promotion):
    job = requested(promotion)
    Worker(job, "after-commit").wait()
    lose_marker(promotion)
    assert take_over(job).exit_code == 6
    promotion.refresh_from_db()
    assert evidence(promotion).arrived_prefix == EVENTS
    say(promotion, EVENTS)
    assert ReplayAttempt.objects.get().outcome == AttemptOutcome.COMMITTED
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.REPLAYED
    assert Replay.objects.get().finished_at is not None
    assert ReplayAttempt.objects.count() == 1
    assert_once(clusters, promotion)


def test_an_attempt_that_never_committed_counts_as_aborted(promotion):
    job = requested(promotion)
    Worker(job, "after-receipts").wait()
    lose_marker(promotion)
    assert take_over(job).exit_code == 6
    promotion.refresh_from_db()
    found = evidence(promotion)
    assert (found.arrived_prefix, found.arrived_beyond, found.found) == (0, 0, 0)
    say(promotion, 0)
    assert ReplayAttempt.objects.get().outcome == AttemptOutcome.ABORTED
    assert replay_marker._without_marker(Replay.objects.get()) == 0
    assert records(promotion) == []


def test_a_worker_that_is_only_cut_off_is_fenced_before_the_evidence_is_read(promotion):
    job = requested(promotion)
    zombie = Worker(job, "after-receipts:stop")
    try:
        zombie.wait_until_stopped()
        with transaction.atomic():
            assert finish.give_up(job, Incomplete("The test says so."))  # and nobody has taken over
        promotion.refresh_from_db()
        found = evidence(promotion)
        assert (found.arrived_prefix, found.arrived_beyond) == (0, 0)
        zombie.go_on()
        assert zombie.wait() == 0
        assert records(promotion) == []
    finally:
        zombie.kill()


def test_a_worker_that_dies_after_the_reconciling_needs_no_second_one(clusters, promotion):
    in_doubt(promotion, ARRIVED)
    evidence(promotion)
    say(promotion, ARRIVED)
    job = requested(promotion)
    for failpoint in failpoints.NAMES:
        Worker(job, failpoint).wait()
        job.refresh_from_db()
        if job.active:
            expire(job)
    assert run_job(job).state == JobState.SUCCEEDED
    assert_once(clusters, promotion)
    assert Reconciliation.objects.count() == 1


def test_a_marker_that_is_lost_again_after_more_has_arrived_needs_another_word(clusters, promotion):
    in_doubt(promotion, ARRIVED)
    evidence(promotion)
    say(promotion, ARRIVED)
    job = requested(promotion)
    Worker(job, "after-database").wait()
    lose_marker(promotion)
    ended = take_over(job)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 6)
    promotion.refresh_from_db()
    with pytest.raises(Refused, match="not established"):
        say(promotion, ARRIVED)  # the evidence is older than the last attempt
    assert evidence(promotion).arrived_prefix == 2 * ARRIVED
    say(promotion, 2 * ARRIVED)
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    assert_once(clusters, promotion)


def test_a_marker_that_contradicts_the_database_yields_to_the_evidence(promotion):
    in_doubt(promotion, ARRIVED)
    evidence(promotion)
    replay = Replay.objects.select_related("plan").get()
    contradiction = Marker(3, {"attempt": 1, "digest": replay.plan.digest})
    with pytest.raises(Incomplete, match="contradicts"):
        replay_marker._checked(replay, contradiction)
    say(promotion, ARRIVED)
    replay = Replay.objects.select_related("plan").get()
    assert replay_marker._checked(replay, contradiction) == ARRIVED
    ReplayAttempt.objects.create(replay=replay, number=2)
    with pytest.raises(Incomplete, match="contradicts"):
        replay_marker._checked(replay, contradiction)


def test_only_what_the_evidence_bears_out_is_taken(promotion):
    in_doubt(promotion, ARRIVED)
    assert "not read since the last attempt" in problems(promotion, ARRIVED)
    evidence(promotion)
    assert f"{ARRIVED} events have arrived, not {ARRIVED + 1}" in problems(promotion, ARRIVED + 1)
    assert "not 0" in problems(promotion, 0)
    with pytest.raises(InvalidInput):
        reconcile(cast.user("manager"), promotion, ARRIVED, "  ")
    for who in ("viewer", "approver", "curator"):
        with pytest.raises(Refused):
            say(promotion, ARRIVED, who)
    assert not Reconciliation.objects.exists()
    request_verify(cast.user("manager"), promotion)
    with pytest.raises(Conflict):
        say(promotion, ARRIVED)


def test_a_copy_a_gap_and_an_altered_record_are_no_clean_evidence(promotion):
    in_doubt(promotion, ARRIVED)
    there = records(promotion)
    write(promotion, there[0], replace(there[1], timestamp=5))
    found = evidence(promotion)
    assert (found.duplicated, found.altered, found.verdict) == (1, 1, VerificationVerdict.FAILED)
    said = problems(promotion, ARRIVED)
    assert "1 event arrived more than once" in said
    assert "1 event arrived other than planned" in said


def test_a_gap_in_what_has_arrived_is_no_clean_evidence(promotion):
    Worker(requested(promotion), "after-plan").wait()
    job = promotion.jobs.get()
    commit_some(promotion, range(4))
    commit_some(promotion, range(6, 10))
    lose_marker(promotion)
    assert take_over(job).exit_code == 6
    promotion.refresh_from_db()
    found = evidence(promotion)
    assert (found.arrived_prefix, found.arrived_beyond, found.missing) == (4, 4, 2)
    assert "4 events arrived behind event 5" in problems(promotion, 4)


def test_where_retention_has_deleted_nobody_can_tell(promotion):
    in_doubt(promotion, ARRIVED)
    last = Receipt.objects.get(ordinal=ARRIVED - 1)
    delete_before(promotion, last.partition, last.offset + 1)
    # Even of events that were never sent: an absent record of that partition may just have been deleted.
    found = evidence(promotion)
    assert found.expired > 1
    assert "deleted by retention" in problems(promotion, found.arrived_prefix)


def test_a_replay_that_is_through_has_nothing_to_reconcile(promotion):
    assert run_job(requested(promotion)).state == JobState.SUCCEEDED
    verified(promotion)
    with pytest.raises(Refused, match="nothing to reconcile"):
        say(promotion, EVENTS)


def test_a_word_once_given_stays(promotion):
    in_doubt(promotion, ARRIVED)
    evidence(promotion)
    made = say(promotion, ARRIVED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Reconciliation.objects.filter(pk=made.pk).update(committed=0)
