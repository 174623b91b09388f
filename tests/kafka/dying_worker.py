"""A worker that stops at a named point of its transaction and waits to be killed: run by test_writer_killed.py."""

import sys
import time

from promotion.domain.connection import KafkaConnection
from promotion.domain.record import OutgoingRecord
from promotion.kafka.writer import TransactionalWriter


def stop_at(point: str, wanted: str) -> None:
    if point == wanted:
        sys.stdout.write(f"{point}\n")
        sys.stdout.flush()
        sys.stdin.read()


def work(servers: str, topic: str, name: str, total: int, wanted: str) -> None:
    """Write the ordinals from the marker on, half of what is left in a transaction, as a replay would."""
    writer = TransactionalWriter(KafkaConnection(servers), topic, name, 2).open()
    start = writer.marker.next_ordinal if writer.marker else 0
    end = (start + total) // 2
    writer.begin()
    for ordinal in range(start, end):
        writer.produce(ordinal, OutgoingRecord(ordinal % 2, int(time.time() * 1000), b"k", str(ordinal).encode()))
        if ordinal == (start + end) // 2:
            stop_at("producing", wanted)
    writer.flush()
    stop_at("flushed", wanted)
    commit = writer._commit

    def interrupted() -> None:
        stop_at("marker stored", wanted)
        if wanted == "committing":
            sys.stdout.write("committing\n")
            sys.stdout.flush()
        commit()

    writer._commit = interrupted  # type: ignore[method-assign]
    writer.commit(end, {"start": start})
    stop_at("committed", wanted)


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
