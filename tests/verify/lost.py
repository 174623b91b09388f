"""A replay of which only the first events have arrived, and whose marker is gone."""

import signal

from promotion.actions import replay_marker
from promotion.actions.connect import kafka_connection, registry_connection
from promotion.actions.replay_schemas import schema_ids
from promotion.actions.replay_start import request_replay
from promotion.domain.packed_headers import HeaderUnpacker
from promotion.domain.plan_choices import Mode, PlanChoices
from promotion.domain.record import OutgoingRecord
from promotion.domain.wire import frame
from promotion.kafka.registry import Registry
from promotion.kafka.writer import TransactionalWriter
from promotion.models import Promotion, PromotionJob, Receipt, Replay, ReplayAttempt
from promotion.states import AttemptOutcome, JobState
from tests import cast
from tests.replay.running import Worker, take_over
from tests.verify.target import lose_marker


def commit_some(promotion: Promotion, ordinals: range) -> None:
    """Commit the steps `ordinals` of the promotion's replay in one transaction, as an attempt of it does."""
    replay = Replay.objects.select_related("plan__promotion__target").get(plan__promotion=promotion)
    plan, target = replay.plan, replay.plan.promotion.target
    attempt = ReplayAttempt.objects.create(
        replay=replay, number=replay.attempts.count() + 1, first_ordinal=ordinals.start, stop_ordinal=ordinals.stop
    )
    with Registry(registry_connection(target)) as registry:
        ids = schema_ids(registry, plan)
    name = replay_marker.writer_name(replay)
    with TransactionalWriter(kafka_connection(target), plan.topic, name, plan.partitions) as writer:
        writer.begin()
        for step in plan.steps.filter(ordinal__gte=ordinals.start, ordinal__lt=ordinals.stop):
            value = frame(ids[step.subject, step.schema_id], bytes(step.body))
            headers = HeaderUnpacker().unpack(bytes(step.headers))
            record = OutgoingRecord(step.partition, step.timestamp, bytes(step.key), value, headers)
            writer.produce(step.ordinal, record)
        writer.flush()
        Receipt.objects.bulk_create(
            Receipt(attempt=attempt, ordinal=n, partition=p, offset=o) for n, p, o in writer.receipts
        )
        writer.commit(ordinals.stop, {"attempt": attempt.number, "digest": plan.digest})
    attempt.produced, attempt.outcome = len(ordinals), AttemptOutcome.COMMITTED
    attempt.save()
    Replay.objects.filter(pk=replay.pk).update(committed=ordinals.stop)


def in_doubt(promotion: Promotion, arrived: int) -> PromotionJob:
    """Have the first batch of `arrived` events arrive, the marker lost and the job fail because of that."""
    choices = PlanChoices(mode=Mode.BATCHES, batch_size=arrived)
    job = request_replay(cast.user("manager"), promotion, choices=choices)
    assert Worker(job, "after-database").wait() == -signal.SIGKILL
    lose_marker(promotion)
    ended = take_over(job)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 6)
    assert "marker of them is gone" in ended.error
    promotion.refresh_from_db()
    return ended
