"""What goes wrong at a cluster, as errors that say which of the usual causes it was."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from confluent_kafka import KafkaError, KafkaException

from promotion.errors import Incomplete, InvalidInput, LeaseLost, PromotionError, Refused, Unreachable


class TlsFailed(Unreachable):
    """The brokers answered, but TLS was not agreed: an unknown authority, a wrong name, a plaintext port."""


class AuthenticationFailed(Refused):
    """The user name or the password is wrong, or the mechanism is not offered."""


class NotAuthorized(Refused):
    """The user is known and may not do this."""


class TopicMissing(InvalidInput):
    """There is no such topic on this cluster."""


class NotDelivered(Refused):
    """Records were refused. `failures` has the first ones as (ordinal, partition, reason)."""

    def __init__(self, message: str, hint: str, failures: Sequence[tuple[int, int, str]]) -> None:
        super().__init__(message, hint, [f"record {n} to partition {p}: {reason}" for n, p, reason in failures])
        self.failures = list(failures)


class Fenced(LeaseLost):
    """Another producer with this transactional id has taken over; the marker tells what became of the transaction."""


class OutcomeUnknown(Incomplete):
    """Nobody can say from here whether the transaction was committed: open a new writer and read its marker."""


_AUTHENTICATION = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
_AUTHENTICATION |= {KafkaError.UNSUPPORTED_SASL_MECHANISM, KafkaError.ILLEGAL_SASL_STATE}
_AUTHORIZATION = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
_AUTHORIZATION |= {KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED}
_TOPIC = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_TOPIC |= {KafkaError.UNKNOWN_TOPIC_ID}
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_INPUT = {KafkaError.INVALID_CONFIG, KafkaError.TOPIC_EXCEPTION, KafkaError.INVALID_PARTITIONS}
_INPUT |= {KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.INVALID_TRANSACTION_TIMEOUT, KafkaError._INVALID_ARG}
_INPUT |= {KafkaError.POLICY_VIOLATION, KafkaError.TOPIC_ALREADY_EXISTS}
# What a connection attempt reports beside the bare time-out of the call that waited for it, most telling first.
_TELLING = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL, KafkaError._RESOLVE)


class SeenErrors:
    """The client's `error_cb`: keeps the latest errors, since a call that timed out does not say why."""

    def __init__(self) -> None:
        self._errors: deque[KafkaError] = deque(maxlen=50)

    def __call__(self, error: KafkaError) -> None:
        """Keep `error`; the client calls this."""
        self._errors.append(error)

    def __iter__(self) -> Iterator[KafkaError]:
        """Yield what was kept, the latest last."""
        return iter(tuple(self._errors))


def error_of(failure: KafkaException) -> KafkaError:
    """Return the KafkaError inside `failure`."""
    inner = failure.args[0] if failure.args else None
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError._FAIL, str(inner))


def is_fenced(error: KafkaError) -> bool:
    """Say whether another producer with the same transactional id took over."""
    return error.code() in _FENCED


def is_group_error(error: KafkaError) -> bool:
    """Say whether the error is only about a consumer group, of which a reader that never joined one has no need."""
    return error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


def clean(text: str, secrets: Iterable[str] = (), limit: int = 300) -> str:
    """Return `text` fit for a log or a page: no secrets, no control characters, not longer than `limit`.

    Longer text ends at a word, if there is one in its last part, and with an ellipsis.
    """
    for secret in secrets:
        text = text.replace(secret, "***")
    text = re.sub(r"[^\x20-\x7e\xa1-\u02ff\u2026]+", " ", text).strip()
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ", limit // 2)
    return (cut if space < 0 or text[limit - 1] == " " else cut[:space]).rstrip() + "…"


def explain(
    error: KafkaError, doing: str, servers: str, seen: Iterable[KafkaError] = (), secrets: Iterable[str] = ()
) -> PromotionError:
    """Return the error to raise for `error` met while `doing` ("reading topic x") at the brokers `servers`."""
    cause = _most_telling(error, seen)
    code, reason = cause.code(), clean(cause.str(), secrets)
    where = f"At {servers}"
    if is_fenced(cause):
        return Fenced(f"Another worker took over while {doing}.", "Nothing more is written from here.")
    if code in _AUTHENTICATION:
        return AuthenticationFailed(f"{where}: authentication failed: {reason}", "Check user, password and mechanism.")
    if code in _AUTHORIZATION:
        return NotAuthorized(f"{where}: not authorised while {doing}: {reason}", "Ask the cluster's administrator.")
    if code == KafkaError._SSL or "SSL_HANDSHAKE" in reason:
        return TlsFailed(f"{where}: TLS failed: {reason}", "Check the security setting, the CA and the host's name.")
    if code in _TOPIC:
        return TopicMissing(f"{where}: the topic or partition does not exist ({doing}).", "Check the topic's name.")
    if code in _INPUT:
        return InvalidInput(f"{where}: refused while {doing}: {reason}", "Correct the value that is named.")
    hint = "Check the address, the security setting and that the brokers run."
    return Unreachable(f"{where}: no answer while {doing}: {reason}", hint)


def _most_telling(error: KafkaError, seen: Iterable[KafkaError]) -> KafkaError:
    if error.code() in _AUTHENTICATION | _AUTHORIZATION | _TOPIC | _INPUT | _FENCED:
        return error
    known = list(seen)
    for code in _TELLING:
        for candidate in reversed(known):
            if candidate.code() == code:
                return candidate
    lost = [e for e in known if e.code() == KafkaError._TRANSPORT]
    return lost[-1] if lost else error
