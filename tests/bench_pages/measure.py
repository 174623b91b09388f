"""Asks for pages as a browser does, one after the other, and looks how long each takes and what it weighs."""

from __future__ import annotations

import gzip
import http.client
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.bench_pages.pages import Page

#: What a page may send before the editor is opened, in bytes.
MOST_BYTES = 500 * 1024
ASSET = re.compile(r"""<(?:link|script)[^>]+(?:href|src)="(/static/[^"]+)\"""")
USE = re.compile(r"""(?:href|src)="(/static/[^"#]+)[#"]""")


@dataclass
class Times:
    """What was seen of one page: milliseconds of each request, bytes as they were sent, the last status."""

    page: Page
    milliseconds: list[float] = field(default_factory=list)
    octets: int = 0
    assets: int = 0
    statuses: set[int] = field(default_factory=set)

    def at(self, share: float) -> float:
        """The time within which this share of the requests was answered."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1) + 0.499))]

    @property
    def weight(self) -> int:
        """Bytes of the page with everything that it loads."""
        return self.octets + self.assets

    @property
    def right(self) -> bool:
        """Whether every answer was one."""
        return self.statuses == {200}

    @property
    def quick(self) -> bool:
        """Whether it keeps within its time."""
        return self.at(0.95) <= self.page.most_ms

    @property
    def light(self) -> bool:
        """Whether it keeps within the bytes."""
        return self.weight <= MOST_BYTES

    @property
    def verdict(self) -> str:
        """What to say of it."""
        if not self.right:
            return f"WRONG {sorted(self.statuses)}"
        slow = "" if self.quick else "slow"
        return f"{slow} {'' if self.light else 'heavy'}".strip() or "ok"


class Visitor:
    """One who has logged in, with a connection that is kept."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=60)
        self._cookies: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def log_in(self, username: str, password: str) -> None:
        """Log in as a person does."""
        self._ask("GET", "/accounts/login/")
        given = {"username": username, "password": password, "csrfmiddlewaretoken": self._cookies.get("csrftoken", "")}
        answer, _ = self._ask("POST", "/accounts/login/", urlencode(given))
        if answer.status != 302:
            raise RuntimeError(f"Nobody could log in: {answer.status}.")

    def visit(self, page: Page, times: Times) -> None:
        """Ask for a page once."""
        begun = time.perf_counter()
        answer, body = self._ask("GET", page.path, headers={"HX-Request": "true"} if page.htmx else {})
        times.milliseconds.append((time.perf_counter() - begun) * 1_000)
        times.statuses.add(answer.status)
        times.octets = max(times.octets, len(body))
        if not page.htmx:
            text = _text(answer, body)
            times.assets = sum(self._size(path) for path in {*ASSET.findall(text), *USE.findall(text)})

    def _size(self, path: str) -> int:
        if path not in self._sizes:
            answer, body = self._ask("GET", path)
            self._sizes[path] = len(body)
            if answer.headers.get_content_type() == "text/css":
                found = re.findall(r"""url\(["']?(?!data:)([^)"']+)""", _text(answer, body))
                self._sizes[path] += sum(self._size(each) for each in found if each.startswith("/static/"))
        return self._sizes[path]

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        given = {"Accept-Encoding": "gzip", "Cookie": cookie, "Referer": f"http://{self._address}/", **(headers or {})}
        if body is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self._connection.request(method, path, body, given)
            answer = self._connection.getresponse()
        except (http.client.HTTPException, ConnectionError):  # the server has closed what was idle
            self._connection.close()
            self._connection.request(method, path, body, given)
            answer = self._connection.getresponse()
        for said in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = said.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer, answer.read()


def _text(answer: http.client.HTTPResponse, body: bytes) -> str:
    return (gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body).decode()


def measure(visitor: Visitor, pages: Sequence[Page], rounds: int) -> list[Times]:
    """Visit all pages `rounds` times, and once before, which does not count: that finds nothing in memory."""
    seen = [Times(page) for page in pages]
    for each in seen:
        visitor.visit(each.page, each)
        each.milliseconds.clear()
    for _ in range(rounds):
        for each in seen:
            visitor.visit(each.page, each)
    return seen
