"""Nonces and timestamps: what a policy changes, and that nothing else changes."""

import pytest

from promotion.domain.wire import unframe
from promotion.states import JobState
from tests.plans.stage import happen, trees, twin
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def nonces(sit, records):
    return [(tree["EventId"]["id"], tree["EventId"]["nonce"]) for tree in trees(sit, records)]


def test_nonces_go_on_where_the_target_stands_by_user_in_plan_order(clusters, source, dev, sit, replay):
    other = twin(source, sit)
    happen(other, "Created", "theirs", user="ann", nonce=41)
    happen(other, "Updated", "theirs", "x", user="ann", nonce=7)
    other.produce()
    for number, user in enumerate(("ann", "bob", "ann", "bob")):
        happen(source, "Created", f"r{number}", user=user, nonce=1_000 + number)
    source.produce()
    assert replay(exported(dev, sit)).state == JobState.SUCCEEDED
    arrived = consumed(clusters["sit"], sit.topic)[2:]
    assert nonces(sit, arrived) == [("ann", 42), ("bob", 1), ("ann", 43), ("bob", 2)]


def test_only_the_nonce_of_an_unedited_event_changes(clusters, source, dev, sit, replay):
    happen(source, "Created", "a", "x", nonce=900)
    source.produce()
    promotion = exported(dev, sit)
    assert replay(promotion).state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    (tree,) = trees(sit, [record])
    (before,) = trees(dev, consumed(clusters["dev"], dev.topic))
    assert tree["EventId"].pop("nonce") == 1
    assert before["EventId"].pop("nonce") == 900
    assert tree == before
    assert len(unframe(record.value)[1]) == len(unframe(bytes(promotion.events.get().value))[1]) - 1


def test_kept_nonces_and_timestamps_leave_every_byte_as_it_was(clusters, source, dev, sit, replay):
    happen(source, "Created", "a", "x", nonce=900)
    source.produce()
    promotion = exported(dev, sit)
    assert replay(promotion, nonce="keep").state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    assert unframe(record.value)[1] == unframe(bytes(promotion.events.get().value))[1]
    assert record.timestamp == promotion.events.get().timestamp


@pytest.mark.parametrize(("kafka", "event"), [("replay", "keep"), ("keep", "replay")])
def test_the_two_timestamps_become_the_time_of_replay_apart(clusters, source, dev, sit, planned, replay, kafka, event):
    happen(source, "Created", "a", "x")
    source.produce()
    promotion = exported(dev, sit)
    plan = planned(promotion, kafka_timestamp=kafka, event_timestamp=event)
    assert replay(promotion).state == JobState.SUCCEEDED
    (record,) = consumed(clusters["sit"], sit.topic)
    (tree,) = trees(sit, [record])
    original = promotion.events.get()
    assert record.timestamp == (plan.timestamp if kafka == "replay" else original.timestamp)
    assert tree["EventId"]["timestamp"] == (plan.timestamp if event == "replay" else 5)
