"""Ours and the peer side by side: which comes first changes with every round, so that caches favour neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from portal_admin.embedded.terminal import say
from promotion import jobs
from promotion.domain.record import Headers
from promotion.models import Environment, PromotionJob
from tests.bench.kcat.ground import Ground
from tests.bench.kcat.memory import Watch
from tests.bench.kcat.peers import Kcat, PeerFailed, json_lines
from tests.bench.kcat.results import Results
from tests.bench.kcat.stage import SIT, Stage, environment, held
from tests.bench.kcat.works import ended

Measure = Callable[[], float]
FILES = ("download", "upload", "rule")


class Beside:
    """Notes in `results` the seconds of what is `wanted`; without `kcat` or `jq` those of ours alone."""

    def __init__(
        self, ground: Ground, stage: Stage, results: Results, wanted: set[str], kcat: Kcat | None, jq: str | None
    ) -> None:
        self.stage, self.results, self.wanted, self.round = stage, results, wanted, 0
        self._ground, self._kcat, self._jq = ground, kcat, jq
        self._dump = ground.directory / "records"
        self._written: list[Environment] = []
        self._doing = ""
        if kcat is not None:
            self._check(kcat)

    def run(self, job: PromotionJob) -> None:
        """Have a worker do the job, and look at its memory meanwhile."""
        jobs.enqueue(job)
        watch = Watch(worker.pid for worker in self._ground.workers)
        ended(job, watch)
        memory = self.results.memory
        memory[self._doing] = max(memory.get(self._doing, 0), watch.bytes)

    def both(self, name: str, ours: Measure, topic: Environment) -> None:
        """Measure `ours` and how long kcat takes to read `topic`.

        What is not wanted is done all the same, since others follow from it, but not compared.
        """
        kcat = self._kcat
        self.alone(name, ours, [] if kcat is None else [(name, lambda: kcat.read(*_where(topic)))])

    def writing(self, name: str, ours: Measure) -> None:
        """Measure `ours` and how long kcat takes to write the same records; and how long with headers as we write."""
        kcat, peers = self._kcat, []
        if kcat is not None and name in self.wanted:
            peers = [(name, self._write(kcat)), (f"{name}_headers", self._write(kcat, self.stage.headers))]
        before = len(self.results.ours[name])
        self.alone(name, ours, peers)
        if peers and f"{name}_headers" in self.wanted:
            self.results.ours[f"{name}_headers"] += self.results.ours[name][before:]

    def alone(self, name: str, ours: Measure, peers: Sequence[tuple[str, Measure]] = ()) -> None:
        """Measure `ours` and the peers, if there are any: in odd rounds ours first, in even ones the peers."""
        first, last = (peers, ()) if self.round % 2 == 0 else ((), peers)
        self._peers(first)
        self._doing = name
        self._note(self.results.ours, name, ours)
        self._peers(last)

    def json_lines(self, file: Path) -> None:
        """Have jq read and write the file: what the works on files and on all events are compared with."""
        if self._jq is not None:
            took = json_lines(self._jq, file)
            for name in self.wanted.intersection(FILES):
                self._note(self.results.peer, name, lambda: took)

    def count(self, topic: Environment) -> None:
        """See whether kcat, which is none of ours, finds every record on the `topic`."""
        if self._kcat is not None:
            self._count(self._kcat, topic)

    def let_go(self) -> list[Environment]:
        """Return whose topics kcat has written to since this was asked."""
        written, self._written = self._written, []
        return written

    def _note(self, into: dict[str, list[float]], name: str, what: Measure) -> None:
        took = what()
        if name in self.wanted:
            into[name].append(took)
            say(f"round {self.round}: {name} {'ours' if into is self.results.ours else 'peer'} {took:.2f} s")

    def _peers(self, peers: Sequence[tuple[str, Measure]]) -> None:
        for name, peer in peers:
            if name in self.wanted:
                self._note(self.results.peer, name, peer)

    def _write(self, kcat: Kcat, headers: Headers = ()) -> Measure:
        made = environment("peer", self.stage.clusters["sit"], SIT)
        self._written.append(made)

        def write() -> float:
            took = kcat.write(*_where(made), self._dump, headers)
            if held(made) != self.stage.events.count:
                raise PeerFailed(f"kcat -P produced {held(made)} records of {self.stage.events.count}.")
            return took

        return write

    def _check(self, kcat: Kcat) -> None:
        """That kcat reads all of each topic, and that its own copy of the records is whole."""
        for source in (self.stage.mixed, self.stage.whole, self.stage.full):
            self._count(kcat, source)
        kcat.dump(*_where(self.stage.whole), self._dump, self.stage.events.count)

    def _count(self, kcat: Kcat, topic: Environment) -> None:
        found = kcat.count(*_where(topic))
        if found != self.stage.events.count:
            raise PeerFailed(f"kcat -C finds {found} records of {self.stage.events.count} on {topic.topic}.")


def _where(topic: Environment) -> tuple[str, str]:
    return topic.bootstrap_servers, topic.topic
