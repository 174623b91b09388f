"""Things that happen to a target after a replay: what others write there, and what retention and people delete."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from promotion.actions.connect import kafka_connection
from promotion.actions.verify import request_verify
from promotion.domain.record import Record
from promotion.kafka.producer import PlainRecord, produce_all
from promotion.models import Promotion, PromotionJob, Replay, Verification
from promotion.states import JobKind, JobState
from tests import cast
from tests.replay.running import run_job
from tests.replay.stage import everything


def verified(promotion: Promotion, who: str = "viewer") -> Verification:
    """Run the verification that waits, or a new one; return what it found."""
    waiting = PromotionJob.objects.active().filter(promotion=promotion, kind=JobKind.VERIFY).first()
    job = run_job(waiting or request_verify(cast.user(who), promotion))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    return Verification.objects.latest("pk")


def records(promotion: Promotion) -> list[Record]:
    """All committed records of the target, by partition and offset."""
    return everything(kafka_connection(promotion.target), promotion.target.topic)


def write(promotion: Promotion, *given: Record) -> None:
    """Write records to the target as anybody could, where and as they say."""
    plain = [PlainRecord(r.key, r.value, r.timestamp, r.headers, r.partition) for r in given]
    produce_all(kafka_connection(promotion.target), promotion.target.topic, plain)


def widen(promotion: Promotion) -> None:
    """Have the replay's window end at the target's end now, so that what was written by hand lies in it."""
    replay = Replay.objects.get(plan__promotion=promotion)
    ends = {str(p.partition): p.end for p in pins(promotion)}
    Replay.objects.filter(pk=replay.pk).update(before=dict.fromkeys(ends, 0), after=ends)


def pins(promotion: Promotion):
    from promotion.kafka.reader import open_reader

    with open_reader(kafka_connection(promotion.target), promotion.target.topic) as reader:
        return reader.pin()


def delete_before(promotion: Promotion, partition: int, offset: int) -> None:
    """Delete what lies before `offset`, as retention does."""
    client = admin(promotion)  # a client that nobody holds is gone before it answers
    for future in client.delete_records([TopicPartition(promotion.target.topic, partition, offset)]).values():
        future.result(10)


def lose_marker(promotion: Promotion) -> None:
    """Delete the marker's group, as Kafka does when it has not been used for long."""
    from promotion.actions.replay_marker import writer_name

    name = writer_name(Replay.objects.get(plan__promotion=promotion))
    client = admin(promotion)
    for future in client.delete_consumer_groups([name]).values():
        future.result(10)


def admin(promotion: Promotion) -> AdminClient:
    return AdminClient({"bootstrap.servers": promotion.target.bootstrap_servers})
