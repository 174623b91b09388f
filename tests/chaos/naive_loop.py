"""The naive order: commit the records, then save the progress. To show that the harness can see a duplicate.

`python -m tests.chaos.naive_loop SERVERS TOPIC FILE TOTAL BATCH` writes the numbers from the saved progress on. It is a
loop of this harness; the console has no such thing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from confluent_kafka import Producer

from promotion.actions import failpoints

KEYS = 4


def work(servers: str, topic: str, file: Path, total: int, batch: int) -> None:
    """Replay the numbers below `total` as somebody would who has not thought of crashes."""
    producer = Producer({"bootstrap.servers": servers, "transactional.id": f"naive-{topic}"})
    producer.init_transactions(30)
    start = progress(file)
    while start < total:
        stop = min(start + batch, total)
        producer.begin_transaction()
        for number in range(start, stop):
            producer.produce(topic, b"%d" % number, b"key-%d" % (number % KEYS), 0, timestamp=number + 1)
        producer.flush()
        producer.commit_transaction(30)
        failpoints.reach("after-commit")
        _save(file, stop)
        start = stop


def progress(file: Path) -> int:
    """The first number that is not known to have been written."""
    return int(file.read_text()) if file.exists() else 0


def _save(file: Path, number: int) -> None:
    partial = file.with_suffix(".partial")
    with partial.open("w") as stream:
        stream.write(str(number))
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
