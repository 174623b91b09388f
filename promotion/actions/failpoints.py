"""Named places where a process dies or stops on request, so that tests can crash a replay exactly there.

`PROMOTION_FAILPOINT=after-commit` kills the process with SIGKILL when it reaches that place; with `:stop` appended it
is stopped by SIGSTOP instead, and plays the worker that was cut off when it continues. In production the variable is
not looked at.
"""

from __future__ import annotations

import os
import signal

from django.conf import settings

NAMES = (
    "after-plan",
    "after-open",
    "after-begin",
    "mid-produce",
    "after-flush",
    "after-receipts",
    "after-marker",
    "after-commit",
    "after-database",
)


def reach(name: str) -> None:
    """Die or stop here if the environment says so. `name` is one of `NAMES`."""
    wanted, _, action = os.environ.get("PROMOTION_FAILPOINT", "").partition(":")
    if wanted == name and not settings.PRODUCTION:
        os.kill(os.getpid(), signal.SIGSTOP if action == "stop" else signal.SIGKILL)
