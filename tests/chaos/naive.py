"""The naive order under the same attacks: what commits first and saves its progress afterwards."""

from __future__ import annotations

import random
import signal
import sys
import time

from portal_admin.embedded import children
from promotion.domain.connection import KafkaConnection
from promotion.kafka.cluster import create_topic
from tests.chaos.ground import Ground
from tests.chaos.judge import Verdict, Wanted, judge
from tests.chaos.naive_loop import KEYS, progress
from tests.jobs.processes import ROOT, until
from tests.replay.stage import consumed
from tests.services import unique


def suffer(ground: Ground, dice: random.Random, total: int, batch: int, kills: int) -> tuple[Verdict, int]:
    """Run the naive loop to its end, killed `kills` times on the way at most; return the verdict and the kills.

    Killed as the console is: at random times, and every third time at a named place.
    """
    topic = unique("chaos-naive")
    servers = ground.direct.bootstrap_servers
    create_topic(KafkaConnection(servers), topic, 1, {"retention.ms": "-1"})
    file = ground.directory / f"{topic}.progress"
    arguments = ["-m", "tests.chaos.naive_loop", servers, topic, str(file), str(total), str(batch)]
    killed = 0
    while progress(file) < total:
        child = children.start("naive", [sys.executable, *arguments], log=ground.log("naive"), cwd=ROOT)
        before = progress(file)
        if killed < kills:
            if killed % 3 == 0:
                ground.failpoint.write_text("after-commit")
            until(lambda child=child, before=before: not child.is_alive() or progress(file) > before, 60)
            time.sleep(dice.uniform(0, 0.05))
            child.process.kill()
        code = child.process.wait()
        killed += code == -signal.SIGKILL
        if code not in (0, -signal.SIGKILL):
            raise child.death()
        for left in (ground.failpoint, ground.taken):
            left.unlink(missing_ok=True)
    file.unlink()
    wanted = [Wanted(n, b"key-%d" % (n % KEYS), b"%d" % n, (), n + 1, 0) for n in range(total)]
    found = consumed(ground.direct, topic)
    arrived = [Wanted(int(r.value), r.key, r.value, r.headers, r.timestamp, r.partition) for r in found]
    return judge(wanted, arrived), killed
