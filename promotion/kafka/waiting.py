"""Waits for a blocking client call while something else is kept alive."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SLICE_SECONDS = 1.0


def nothing() -> None:
    """The `on_wait` of those who have nothing to keep alive."""


def waiting(call: Callable[[], T], on_wait: Callable[[], None], slice_seconds: float = SLICE_SECONDS) -> T:
    """Return what `call` returns, run in a thread of its own; `on_wait` runs here about once every `slice_seconds`.

    The transactional calls must not be cut into short time-outs: librdkafka advises to give commit and abort all the
    time there is, since its state may part from the broker's otherwise. What `on_wait` raises ends the waiting and is
    passed on, and `call` runs out in its thread, which does not hold up the end of the process.
    """
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as error:  # handed over to the caller's thread below
            failure.append(error)

    thread = threading.Thread(target=run, name="kafka-call", daemon=True)
    thread.start()
    thread.join(slice_seconds)
    while thread.is_alive():
        on_wait()
        thread.join(slice_seconds)
    if failure:
        raise failure[0]
    return result[0]
