"""Workers for tests, stopped afterwards, and a topic that takes a worker a second or two to export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portal_admin.embedded.stack import Cluster
from tests.jobs.processes import WorkerProcess

if TYPE_CHECKING:
    from tests.export.source import Source

LEASE_SECONDS = 2


@pytest.fixture
def start_worker(tmp_path: Path, settings: Any, transactional_db: None) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts a worker process on this run's services; its lease runs out after two seconds."""
    import django_rq
    from django.db import connections

    settings.LEASE_SECONDS, settings.SWEEP_SECONDS = LEASE_SECONDS, 0
    django_rq.get_connection("default").flushdb()
    started: list[WorkerProcess] = []

    def start(command: str = "worker") -> WorkerProcess:
        env = {"PROMOTION_LEASE_SECONDS": str(LEASE_SECONDS), "PROMOTION_SWEEP_SECONDS": "1"}
        log = tmp_path / f"{command}-{len(started)}.log"
        started.append(WorkerProcess(log, command, **env, PROMOTION_LOG_LEVEL="WARNING"))
        return started[-1]

    yield start
    for worker in started:
        worker.stop()
    for worker in started:
        print(worker.log.read_text())  # noqa: T201 - pytest shows it where a test failed
    connections.close_all()


@pytest.fixture(scope="session")
def _long_topic(clusters: dict[str, Cluster]) -> Source:
    from tests.export.source import Source

    source = Source(clusters["dev"], partitions=4)
    source.mixture(LONG, ["log"] * 20 + ["kept", "derived", "tombstone", "cut", "stranger", "log"])
    return source


LONG = 200_000


@pytest.fixture
def long_source(_long_topic: Source, transactional_db: None) -> Source:
    """A topic of LONG records, made once; its types stand in the table."""
    _long_topic.decide()
    return _long_topic
