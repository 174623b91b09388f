import subprocess
import sys
import time

import pytest

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import OutgoingRecord
from promotion.kafka.reader import open_reader
from promotion.kafka.writer import TransactionalWriter, fence
from tests.kafka import dying_worker
from tests.kafka.conftest import NewTopic, everything
from tests.services import unique

TOTAL = 400
HALF = TOTAL // 2


def kill_at(connection: KafkaConnection, topic: str, name: str, point: str) -> None:
    """Start a worker, wait until it has reached `point`, and end it by SIGKILL."""
    command = [
        sys.executable,
        "-m",
        dying_worker.__name__,
        connection.bootstrap_servers,
        topic,
        name,
        str(TOTAL),
        point,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == point
        worker.kill()


def finish(connection: KafkaConnection, topic: str, writer: TransactionalWriter) -> None:
    start = writer.marker.next_ordinal if writer.marker else 0
    writer.begin()
    for ordinal in range(start, TOTAL):
        writer.produce(ordinal, OutgoingRecord(ordinal % 2, int(time.time() * 1000), b"k", str(ordinal).encode()))
    writer.commit(TOTAL, {})


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("producing", {0}),
        ("flushed", {0}),
        ("marker stored", {0}),
        ("committing", {0, HALF}),
        ("committed", {HALF}),
    ],
)
def test_after_a_kill_the_marker_tells_the_truth_and_every_record_is_there_once(
    connection: KafkaConnection, new_topic: NewTopic, point: str, expected: set[int]
) -> None:
    topic, name = new_topic(2), unique("promotion")
    kill_at(connection, topic, name, point)
    with TransactionalWriter(connection, topic, name, 2) as writer:
        done = writer.marker.next_ordinal if writer.marker else 0
        assert done in expected
        assert len(everything(connection, topic)) == done
        finish(connection, topic, writer)
    values = [int(record.value or b"-1") for record in everything(connection, topic)]
    assert sorted(values) == list(range(TOTAL))
    assert values == [*range(0, TOTAL, 2), *range(1, TOTAL, 2)]


def test_two_kills_in_a_row_still_end_exactly_once(connection: KafkaConnection, new_topic: NewTopic) -> None:
    topic, name = new_topic(2), unique("promotion")
    for point in ("committed", "marker stored"):
        kill_at(connection, topic, name, point)
    with TransactionalWriter(connection, topic, name, 2) as writer:
        assert writer.marker is not None
        assert (writer.marker.next_ordinal, writer.marker.metadata) == (HALF, {"start": 0})
        finish(connection, topic, writer)
    assert sorted(int(r.value or b"-1") for r in everything(connection, topic)) == list(range(TOTAL))


def test_fencing_frees_the_readers_that_a_dead_worker_holds_back(
    connection: KafkaConnection, new_topic: NewTopic
) -> None:
    topic, name = new_topic(2), unique("promotion")
    kill_at(connection, topic, name, "flushed")
    with open_reader(connection, topic) as reader:
        assert sum(pin.held_back for pin in reader.pin()) == HALF
        fence(connection, name)
        assert [pin.held_back for pin in reader.pin()] == [0, 0]
    assert everything(connection, topic) == []
