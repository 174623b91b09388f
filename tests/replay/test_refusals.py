"""What is refused before the first record is produced: nothing may reach the target, not even an aborted record."""

import time

import pytest

from promotion.actions import curate
from promotion.actions.plan import request_plan
from promotion.actions.replay_start import request_replay
from promotion.domain.plan_choices import PlanChoices
from promotion.errors import Refused, Stale
from promotion.models import Environment, Event, ExportPartition, Promotion, PromotionJob
from promotion.states import Decision, JobState, PromotionState
from tests import cast
from tests.replay import stage
from tests.replay.stage import consumed, exported

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
DAY_MS = 86_400_000


def now_ms() -> int:
    return int(time.time() * 1000)


def refused(clusters, replay, promotion, **choices) -> str:
    """Run a replay that must be refused before anything is produced; return its problems."""
    job = replay(promotion, **choices)
    assert job.state == JobState.REFUSED
    assert consumed(clusters["sit"], promotion.target.topic, committed=False) == []
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORTED
    return "\n".join(job.problems)


def test_a_compacted_target_is_refused(clusters, source, dev, replay):
    sit = stage.environment("sit", clusters["sit"], config={"cleanup.policy": "compact"})
    source.many(4)
    source.produce()
    problems = refused(clusters, replay, exported(dev, sit))
    assert "compacted" in problems
    assert "last event of each key" in problems


def test_records_older_than_the_targets_retention_are_refused_with_their_number(clusters, source, dev, replay):
    sit = stage.environment("sit", clusters["sit"], config={"retention.ms": str(7 * DAY_MS)})
    source.add(source.api(), timestamp=now_ms() - 400 * DAY_MS)
    source.add(source.api(), timestamp=now_ms() - 399 * DAY_MS)
    source.add(source.api(), timestamp=now_ms() - 1_000)
    source.produce()
    promotion = exported(dev, sit)
    problems = refused(clusters, replay, promotion)
    oldest = promotion.events.order_by("timestamp").first()
    assert (
        f"2 records are older than the target keeps (retention.ms=604800000, 7 days); the oldest, source {oldest}"
        in (problems)
    )


def test_a_target_that_stamps_records_itself_takes_old_ones(clusters, source, dev, replay):
    config = {"retention.ms": str(7 * DAY_MS), "message.timestamp.type": "LogAppendTime"}
    sit = stage.environment("sit", clusters["sit"], config=config)
    source.add(source.api(), timestamp=now_ms() - 400 * DAY_MS)
    source.produce()
    assert replay(exported(dev, sit)).state == JobState.SUCCEEDED


def test_timestamps_that_the_target_does_not_take_are_refused(clusters, dev, source, replay):
    config = {"message.timestamp.after.max.ms": "1000", "message.timestamp.before.max.ms": str(DAY_MS)}
    sit = stage.environment("sit", clusters["sit"], config=config)
    source.add(source.api(), timestamp=now_ms() + 1_800_000)
    source.add(source.role(), timestamp=now_ms() - 2 * DAY_MS)
    source.produce()
    problems = refused(clusters, replay, exported(dev, sit))
    assert "1 records have timestamps further in the future" in problems
    assert "1 records are older than the target takes (message.timestamp.before.max.ms=86400000" in problems


def test_a_record_over_the_targets_size_limit_is_refused_with_its_position(clusters, source, dev, replay):
    sit = stage.environment("sit", clusters["sit"], config={"max.message.bytes": "2000"})
    source.add(source.api())
    source.add(source.api(), {"apiId": "x" * 1_500})
    source.produce()
    promotion = exported(dev, sit)
    largest = max(promotion.events.all(), key=lambda event: len(event.value))
    assert f"the largest, source {largest}, has" in refused(clusters, replay, promotion)


def test_a_record_exactly_at_the_size_limit_arrives(clusters, source, dev, replay):
    """The size that is computed is the one that a broker measures: one byte less is refused."""
    source.add(source.api(), {"apiId": "x" * 1_500})
    source.produce()
    probe = stage.environment("sit", clusters["sit"], partitions=1, config={"max.message.bytes": "100"})
    promotion = exported(dev, probe)
    placed = {"accept_partitions": True}
    said = refused(clusters, replay, promotion, **placed)
    size = int(said.partition(" has ")[2].partition(" bytes")[0].replace(",", ""))
    exact = stage.environment("uat", clusters["sit"], partitions=1, config={"max.message.bytes": str(size)})
    assert replay(exported(dev, exact), **placed).state == JobState.SUCCEEDED
    short = stage.environment("prod", clusters["sit"], partitions=1, config={"max.message.bytes": str(size - 1)})
    refused(clusters, replay, exported(dev, short), **placed)


def test_a_target_that_keeps_too_few_bytes_is_refused(clusters, source, dev, replay):
    sit = stage.environment("sit", clusters["sit"], partitions=1, config={"retention.bytes": "1000"})
    source.many(20)
    source.produce()
    assert "retention.bytes" in refused(clusters, replay, exported(dev, sit))


def test_source_and_target_on_the_same_topic_are_refused_whatever_they_are_called(clusters, source, dev, replay):
    twin = stage.environment("sit", clusters["dev"], topic=dev.topic)
    source.add(source.api())
    source.produce()
    promotion = exported(dev, twin)
    job = replay(promotion)
    assert job.state == JobState.REFUSED
    assert "Source and target are the same" in job.problems[0]
    assert len(consumed(clusters["dev"], dev.topic, committed=False)) == 1


@pytest.fixture
def promotion(source, dev, sit) -> Promotion:
    source.many(4)
    source.produce()
    return exported(dev, sit)


def refused_at_once(promotion: Promotion, **choices) -> Refused:
    """A refusal that needs no worker: no job, the promotion as it was."""
    with pytest.raises(Refused) as refusal:
        request_replay(cast.user("manager"), promotion, choices=PlanChoices.from_json(choices))
    assert not PromotionJob.objects.exists()
    promotion.refresh_from_db()
    assert promotion.state == PromotionState.EXPORTED
    return refusal.value


def test_a_protected_target_is_refused_without_an_approved_plan(promotion, sit):
    Environment.objects.filter(pk=sit.pk).update(protected=True)
    assert "protected" in refused_at_once(promotion).message


def test_an_environment_that_may_not_be_a_target_is_refused(promotion, sit):
    Environment.objects.filter(pk=sit.pk).update(may_be_target=False)
    assert "may not be a target" in refused_at_once(promotion).problems[0]


def test_a_target_protected_after_the_request_is_refused_by_the_worker(clusters, promotion, sit):
    from tests.replay.running import run_job

    job = request_replay(cast.user("manager"), promotion)
    Environment.objects.filter(pk=sit.pk).update(protected=True)
    assert run_job(job).state == JobState.REFUSED
    assert consumed(clusters["sit"], sit.topic, committed=False) == []


def test_a_viewer_may_not_replay(promotion):
    with pytest.raises(Refused, match="viewer may not"):
        request_replay(cast.user("viewer"), promotion)


def test_nothing_to_replay_is_refused(promotion):
    Event.objects.set_excluded(True)
    assert "nothing to replay" in refused_at_once(promotion).problems[0]


def test_an_incomplete_export_is_refused_until_somebody_accepts_it(promotion, replay):
    ExportPartition.objects.update(truncated_from=3, truncated_to=7)
    assert "incomplete" in refused_at_once(promotion).problems[0]
    assert replay(promotion, accept_incomplete=True).state == JobState.SUCCEEDED


def test_a_type_decided_away_since_the_export_is_refused_with_its_number(promotion):
    name = promotion.events.first().event_type.full_name
    curate.decide(cast.user("curator"), [name], Decision.NOT_PROMOTABLE, "Not any more.")
    refusal = refused_at_once(promotion)
    assert f"{name} is not promotable since the export, and 2 of its events would go out" in refusal.problems[0]


def test_another_plan_than_the_page_showed_makes_the_request_stale(promotion):
    from tests.replay.running import run_job

    run_job(request_plan(cast.user("manager"), promotion, PlanChoices()))
    with pytest.raises(Stale):
        request_replay(cast.user("manager"), promotion, digest="0" * 64)
    assert not PromotionJob.objects.filter(kind="replay").exists()


def test_a_topic_that_is_missing_says_so(clusters, promotion, sit, replay):
    Environment.objects.filter(pk=sit.pk).update(topic="nobody-made-this-one")
    job = replay(promotion)
    assert job.state == JobState.FAILED
    assert "nobody-made-this-one" in job.error
