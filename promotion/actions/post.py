"""POST a small document to an address that an admin named: bounded in time, nothing of the answer but its status."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from promotion.errors import Unreachable
from promotion.kafka.failures import clean

#: Seconds for everything, from the host's name to the answer's status.
SECONDS = 10.0


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float = SECONDS) -> int:
    """Send `body` and return the status of the answer, of which no more is read. Raises Unreachable.

    A redirect is an answer like any other: what was signed for one address is not sent to another. Neither proxies nor
    passwords are taken from the environment.
    """
    host = urlsplit(url).hostname
    try:
        return asyncio.run(_post(url, body, headers, seconds))
    except TimeoutError:
        raise Unreachable(f"{host} did not answer within {seconds:g} s.") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        said = clean(str(error)) or type(error).__name__
        raise Unreachable(f"{host} cannot be reached: {said}") from error


async def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    trusted = ssl.create_default_context() if url.startswith("https:") else False
    # The client's own time-out begins anew with each piece that comes; this one does not.
    async with (
        asyncio.timeout(seconds),
        httpx2.AsyncClient(verify=trusted, timeout=seconds, trust_env=False, follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=dict(headers)) as answer,
    ):
        return answer.status_code
