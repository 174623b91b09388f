"""One round after the other: ours and the peer by turns, in a database of the round's own. Needs Django set up."""

from __future__ import annotations

from collections.abc import Callable

from promotion.models import Environment, Promotion
from tests.bench.kcat.beside import Beside
from tests.bench.kcat.ground import Ground
from tests.bench.kcat.stage import SIT, environment, forget
from tests.bench.kcat.works import Works, ended, expect, written_bytes
from tests.services import unique

WORKERS = 2
#: What needs a replay.
REPLAYED = ("replay", "replay_headers", "verify", "verify_one")


class Rounds:
    """Plays rounds and has `beside` note what they take."""

    def __init__(self, ground: Ground, beside: Beside) -> None:
        self._ground, self._beside, self._stage = ground, beside, beside.stage
        self._works = Works(beside.run)

    def play(self, template: str) -> None:
        """Play one round, in a copy of the database `template`. Raises WrongResult and PeerFailed."""
        self._beside.round += 1
        self._ground.stop_workers()
        self._ground.use_database(unique("round").replace("-", "_"), template)
        target = environment("sit", self._stage.clusters["sit"], SIT)
        self._ground.start_workers(WORKERS)
        if self._wants("export_5", "plan"):
            self._five_percent()
        replayed = None
        if self._wants("export_100", "plan_all", *REPLAYED):
            replayed = self._everything(target)
        if self._wants("export_5_one", "export_100_one", "verify_one", "rule", "download", "upload"):
            self._ground.start_workers(1)
            self._alone(target, replayed)
        self._ground.stop_workers()
        for made in (target, *self._beside.let_go()):
            forget(made)

    def _wants(self, *names: str) -> bool:
        return not self._beside.wanted.isdisjoint(names)

    def _five_percent(self) -> None:
        stage, works, both = self._stage, self._works, self._beside.both
        events, promotion = stage.events, works.promotion(stage.mixed, stage.full)
        both("export_5", lambda: works.export(promotion, events.count, events.kept), stage.mixed)
        if self._wants("plan"):
            both("plan", lambda: works.plan(promotion, events.verdicts), stage.full)

    def _everything(self, target: Environment) -> Promotion:
        """Export, plan, replay and verification of the 100 %, as far as they are wanted. Returns the promotion."""
        stage, works, both, count = self._stage, self._works, self._beside.both, self._stage.events.count
        promotion = works.promotion(stage.whole, target)
        self._growing("kept", lambda: both("export_100", lambda: works.export(promotion, count, count), stage.whole))
        if self._wants("plan_all", *REPLAYED):
            self._growing("planned", lambda: both("plan_all", lambda: self._plan_all(promotion), stage.whole))
        if self._wants(*REPLAYED):
            self._growing("replayed", lambda: self._beside.writing("replay", lambda: self._replay(promotion)))
            self._beside.count(target)
        if self._wants("verify"):
            both("verify", lambda: works.verify(promotion, count), target)
        return promotion

    def _plan_all(self, promotion: Promotion) -> float:
        return self._works.plan(promotion, self._stage.events.all_verdicts)

    def _replay(self, promotion: Promotion) -> float:
        """Returns when the verification that follows has ended too: nothing may run beside the peer."""
        took = self._works.replay(promotion, self._stage.events.count)
        ended(self._works.proof(promotion))
        return took

    def _alone(self, target: Environment, replayed: Promotion | None) -> None:
        """With one worker; and what people do with many events, which one worker does anyway."""
        stage, works, both, count = self._stage, self._works, self._beside.both, self._stage.events.count
        if self._wants("export_5_one"):
            five = works.promotion(stage.mixed, stage.full)
            both("export_5_one", lambda: works.export(five, count, stage.events.kept), stage.mixed)
        if self._wants("verify_one") and replayed is not None:
            both("verify_one", lambda: works.verify(replayed, count), target)
        if self._wants("export_100_one", "rule", "download", "upload"):
            whole = works.promotion(stage.whole, target)
            both("export_100_one", lambda: works.export(whole, count, count), stage.whole)
            if self._wants("rule", "download", "upload"):
                self._files(whole)

    def _files(self, whole: Promotion) -> None:
        works, beside, file = self._works, self._beside, self._ground.directory / "events.jsonl"
        beside.alone("download", lambda: works.download(whole, file))
        beside.json_lines(file)
        if self._wants("upload"):
            beside.alone("upload", lambda: works.upload(whole, file))
        file.unlink()
        if self._wants("rule"):
            beside.alone("rule", lambda: works.rule(whole))

    def _growing(self, what: str, work: Callable[[], None]) -> None:
        before = written_bytes()
        work()
        self._beside.results.bytes[what] = (written_bytes() - before) / self._stage.events.count
        expect(f"bytes {what}", self._beside.results.bytes[what] >= 0, True)
