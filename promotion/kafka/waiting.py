"""Waits for a blocking client call while something else is kept alive."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SLICE_SECONDS = 1.0


def nothing() -> None:
    """The `on_wait` of those who have nothing to keep alive."""


class TookTooLong(Exception):
    """The call has not come back; it may still do what it was asked for."""


def waiting(call: Callable[[], T], on_wait: Callable[[], None], limit: float) -> T:
    """Return what `call` returns, run in a thread of its own; `on_wait` runs here about every second.

    The transactional calls must not be cut into short time-outs: librdkafka advises to give commit and abort all the
    time there is, since its state may part from the broker's otherwise. But towards a broker that hangs they never
    return at all, so after `limit` seconds TookTooLong is raised. That, and what `on_wait` raises, ends the waiting
    only: `call` runs out in its thread, which does not hold up the end of the process.
    """
    deadline = time.monotonic() + limit
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as error:  # handed over to the caller's thread below
            failure.append(error)

    thread = threading.Thread(target=run, name="kafka-call", daemon=True)
    thread.start()
    thread.join(SLICE_SECONDS)
    while thread.is_alive():
        if time.monotonic() > deadline:
            raise TookTooLong
        on_wait()
        thread.join(SLICE_SECONDS)
    if failure:
        raise failure[0]
    return result[0]
