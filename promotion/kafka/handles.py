"""Creates librdkafka's handles, always in the process that uses them: a handle does not survive a fork."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from promotion.domain.connection import KafkaConnection
from promotion.errors import InvalidInput
from promotion.kafka.failures import SeenErrors, clean, error_of, explain
from promotion.kafka.settings import Settings, client_settings, secrets_of

log = logging.getLogger("promotion.kafka.client")
T = TypeVar("T")


REPEAT_SECONDS = 30.0


class ClientLog:
    """What confluent_kafka takes for a logger: passes librdkafka's lines on, short and without secrets.

    A line that differs only in its numbers is not repeated within half a minute: a broker that is down would
    otherwise fill the log with twenty of them a second.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._said: dict[str, float] = {}

    def log(self, level: int, message: str, *args: object) -> None:
        """Log one of librdkafka's lines. `level` is already Python's."""
        line = clean(message % args if args else message, self._secrets)
        shape, now = re.sub(r"[0-9]+", "0", line), time.monotonic()
        if now - self._said.get(shape, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            self._said[shape] = now
            log.log(level, "%s", line)


class Session:
    """One connection's handles of one process: remembers errors so that a failure can be explained."""

    def __init__(self, connection: KafkaConnection) -> None:
        self.settings = client_settings(connection)
        self.servers = str(self.settings["bootstrap.servers"])
        self.secrets = secrets_of(connection)
        self.seen = SeenErrors()

    def admin(self) -> AdminClient:
        """Return a new admin client."""
        return self._create(AdminClient, {})

    def consumer(self, extra: Settings) -> Consumer:
        """Return a new consumer with the settings `extra` of our own on top."""
        return self._create(Consumer, extra)

    def producer(self, extra: Settings) -> Producer:
        """Return a new producer with the settings `extra` of our own on top."""
        return self._create(Producer, extra)

    def _create(self, kind: Callable[..., T], extra: Settings) -> T:
        try:
            return kind({**self.settings, **extra, "error_cb": self.seen}, logger=ClientLog(self.secrets))
        except KafkaException as failure:
            reason = clean(error_of(failure).str(), self.secrets)
            raise InvalidInput(f"The Kafka client refuses its settings: {reason}", "Check the connection.") from None

    @contextmanager
    def explaining(self, doing: str, handle: Any = None) -> Iterator[None]:
        """Turn what librdkafka raises while `doing` into our errors; `handle` is polled once for the cause."""
        try:
            yield
        except KafkaException as failure:
            if handle is not None:
                let_go(lambda: handle.poll(0))  # brings the errors that say why; raises where the handle is lost
            raise explain(error_of(failure), doing, self.servers, self.seen, self.secrets) from None


def wait_for(future: "Future[T]", seconds: float) -> T:
    """Return what the client's `future` yields within `seconds`, or raise KafkaException."""
    try:
        return future.result(seconds)
    except FutureTimeout:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None


def let_go(call: Callable[[], object], seconds: float = 5.0) -> None:
    """Run the last `call` to a handle that is no longer needed, and wait for it at most `seconds`.

    It can take as long as the brokers do not answer; it then goes on in a thread that holds nothing up. What it
    raises matters to nobody any more: the handle is fenced, failed or closed already.
    """

    def quietly() -> None:
        try:
            call()
        except (KafkaException, RuntimeError) as failure:
            log.debug("Letting go of a Kafka handle: %s", type(failure).__name__)

    thread = threading.Thread(target=quietly, name="kafka-close", daemon=True)
    thread.start()
    thread.join(seconds)
