"""Ctrl-C, SIGTERM and a closed terminal, each as one exception in the main thread."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from portal_admin.embedded.launch import die_with_parent

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked this process to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@contextmanager
def as_exceptions() -> Iterator[None]:
    """Within it the first of the signals raises Interrupted; later ones are ignored, so that stopping is not disturbed.

    Also where the process was started with a signal ignored, as shells do with SIGINT for what runs in background.
    """

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(signum)

    before = {each: signal.signal(each, interrupt) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def end_with_parent_if_asked() -> None:
    """Under PROMOTION_END_WITH_PARENT (the Makefile sets it) take the parent's death, a SIGKILL's too, for a SIGTERM.

    Not otherwise: what a script starts in the background may well outlive the script.
    """
    if os.environ.pop("PROMOTION_END_WITH_PARENT", ""):
        die_with_parent(signal.SIGTERM)
