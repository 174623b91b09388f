"""Keeps what the brokers refused, and says it as one error."""

from confluent_kafka import KafkaError

from promotion.kafka.failures import Fenced, NotDelivered, clean, explain, is_fenced
from promotion.kafka.handles import Session

KEPT = 20
_CONSEQUENCES = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FATAL, KafkaError._STATE}
_SILENCE = {KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError.REQUEST_TIMED_OUT}


class Undelivered:
    """The records that were not delivered: the first ones with their reasons, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[int, int, KafkaError]] = []

    def add(self, ordinal: int, partition: int, error: KafkaError) -> None:
        """Note that the record `ordinal` was not delivered to `partition`. Mere consequences give way to causes."""
        self.count += 1
        if len(self._first) >= KEPT and error.code() not in _CONSEQUENCES:
            for index, (_, _, known) in enumerate(self._first):
                if known.code() in _CONSEQUENCES:
                    self._first[index] = (ordinal, partition, error)
                    return
        if len(self._first) < KEPT:
            self._first.append((ordinal, partition, error))

    def raise_any(self, topic: str, session: Session) -> None:
        """Raise Fenced, Unreachable or NotDelivered where anything was added."""
        if not self._first:
            return
        causes = [f for f in self._first if f[2].code() not in _CONSEQUENCES] or self._first
        errors = [error for _, _, error in [*causes, *self._first]]
        if any(is_fenced(error) for error in [*errors, *session.seen]):
            raise Fenced(f"Another worker took over while writing to {topic}.", "Nothing more is written from here.")
        if all(error.code() in _SILENCE for _, _, error in causes):
            raise explain(errors[0], f"writing to topic {topic}", session.servers, session.seen, session.secrets)
        failures = [(n, p, clean(error.str(), session.secrets)) for n, p, error in causes]
        number, partition, reason = failures[0]
        raise NotDelivered(
            f"Topic {topic} refused {self.count} records, first record {number} for partition {partition}: {reason}",
            "Nothing was committed. Correct these records or the topic's settings, then start again.",
            failures,
        )
