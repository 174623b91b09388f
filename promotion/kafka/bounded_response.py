"""Bounds what an HTTP answer may cost: its size and the whole time it takes."""

import time
from collections.abc import Iterator

from confluent_kafka.schema_registry.common._httpx_compat import httpx

MAX_RESPONSE_BYTES = 16 * 1024 * 1024


class ResponseTooLarge(Exception):
    """The answer is larger than any registry's would be."""


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the answer took too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def bound_responses(session: httpx.Client, seconds: float) -> None:
    """Have every answer of `session` read under a bound of size and of `seconds` for its body.

    The client's own time-out starts anew with each piece that arrives. Compressed answers are not asked for and
    not taken, since a few bytes can stand for very many.
    """
    session.headers["Accept-Encoding"] = "identity"

    def bound(response: httpx.Response) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ResponseTooLarge
        response.stream = _Bounded(response.stream, time.monotonic() + seconds)  # type: ignore[arg-type]

    session.event_hooks = {"response": [bound]}
