"""Named places where a process dies or stops on request, so that tests can crash a replay exactly there.

`PROMOTION_FAILPOINT=after-commit` kills every process that reaches that place with SIGKILL. With `:stop` appended it is
stopped by SIGSTOP instead, and plays the worker that was cut off when it continues. `PROMOTION_FAILPOINT_FILE` names a
file that says the same and counts once: the first process that reaches the place takes the file away before it dies.
In production neither is looked at.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from django.conf import settings

NAMES = (
    "after-plan",
    "after-open",
    "after-first-marker",
    "after-begin",
    "mid-produce",
    "after-flush",
    "after-receipts",
    "after-marker",
    "after-commit",
    "after-database",
)
#: What the name of the file ends with once somebody has died of it.
TAKEN = ".taken"


def reach(name: str) -> None:
    """Die or stop here if the environment says so. `name` is one of `NAMES`."""
    if settings.PRODUCTION:
        return
    wanted, _, action = os.environ.get("PROMOTION_FAILPOINT", "").partition(":")
    if wanted != name:
        wanted, _, action = _take(name).partition(":")
    if wanted == name:
        os.kill(os.getpid(), signal.SIGSTOP if action == "stop" else signal.SIGKILL)


def _take(name: str) -> str:
    """Return what PROMOTION_FAILPOINT_FILE says, if that is about `name` and nobody was faster."""
    file = os.environ.get("PROMOTION_FAILPOINT_FILE")
    if not file:
        return ""
    try:
        said = Path(file).read_text().strip()
        if said.partition(":")[0] == name:
            Path(file).rename(file + TAKEN)
            return said
    except OSError:  # nothing is asked for, or another process took it just now
        pass
    return ""
