"""Very many events are moved to another host and user, looked at, undone and moved again, without a slow page.

`make many` does it with 200,000 events and holds every page to a second; here there are fewer, and no clock counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import Exported, export, said
from tests.browser.test_rules import HOST, USER, host_of, most, move, user_of
from tests.processes import Console

EVENTS = int(os.environ.get("PROMOTION_MANY", "2000"))
MOST_SECONDS = 1.0
PASS_MS = 60_000 + EVENTS * 5
#: Copies of what was exported, far behind it; each copy is an event of its own, with the same content.
COPY = """
INSERT INTO promotion_event (promotion_id, partition, "offset", "timestamp", merge_timestamp, key, value, headers,
    event_type_id, schema_id, host, "user", document, quarantine_reason, excluded, version)
SELECT promotion_id, partition, "offset" + n * 1000000, "timestamp" + n, merge_timestamp + n, key, value, headers,
    event_type_id, schema_id, host, "user", document, '', false, 0
FROM promotion_event AS event, generate_series(1, %s) AS n
WHERE promotion_id = %s AND "offset" < 1000000 AND quarantine_reason = ''
ORDER BY n, merge_timestamp LIMIT %s
"""
#: From the click to the last byte of the page, in milliseconds.
LOADED = (
    "performance.getEntriesByType('navigation').map(each => [location.pathname + location.search, each.responseEnd])[0]"
)


def multiply(console: Console, promotion: Exported, to: int) -> None:
    """Bring the promotion to `to` events."""
    first = len(promotion.events)
    parameters = [to // first + 1, promotion.number, to - first]
    console.manage(
        "shell", "--no-imports", "-v0", "-c",
        f"from django.db import connection as c; c.cursor().execute({COPY!r}, {parameters!r}); "
        "c.cursor().execute('ANALYZE promotion_event')",
    )  # fmt: skip


class Pages:
    """Opens pages and remembers how long each took."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seconds: list[tuple[float, str]] = []

    def look(self, *does: Callable[[], Any]) -> None:
        """Do something that ends on another page, and note how long that page took."""
        for each in does:
            each()
            path, milliseconds = self.page.evaluate(LOADED)
            self.seconds.append((milliseconds / 1000, path))

    def wait(self, name: str) -> None:
        """Wait until a worker has done what the page shows the progress of."""
        expect(self.page.get_by_role("region", name=name)).to_be_visible(timeout=PASS_MS)
        self.look(lambda: self.page.reload())


@pytest.mark.timeout(600 + EVENTS // 100)
def test_very_many_events_are_changed_and_no_page_is_slow(open_page: OpenPage, console: Console, target: str) -> None:
    promotion = export(console, "Many", target, "role.RoleCreatedEvent", "role.RoleUpdatedEvent")
    host, user = most(promotion.events, host_of), most(promotion.events, user_of)
    multiply(console, promotion, EVENTS)
    page = open_page("manager", promotion.url)
    pages = Pages(page)
    rules = f"{promotion.url}rules/"
    pages.look(
        lambda: page.goto(f"{promotion.url}events/"),
        lambda: page.goto(f"{promotion.url}events/?host={host}"),
        lambda: page.goto(rules),
        lambda: move(page, "host", host, HOST),
        lambda: move(page, "user", user, USER),
        lambda: page.get_by_role("button", name="Preview").click(),
    )
    pages.wait("What the preview found")
    for again in (False, True):
        if again:
            pages.look(lambda: move(page, "host", host, HOST))
        pages.look(
            lambda: page.get_by_role("link", name="Apply…", exact=True).click(),
            lambda: page.get_by_role("button", name=re.compile("^(Change|Apply to) ")).click(),
        )
        expect(page.locator(".rules > li").get_by_text("applied", exact=True)).to_have_count(2, timeout=PASS_MS)
        pages.wait("What was done")
        pages.look(
            lambda: page.goto(f"{promotion.url}events/?host={HOST}"),
            lambda: page.goto(f"{promotion.url}events/?state=edited"),
            lambda: page.locator("#rows tbody a").first.click(),
            lambda: page.goto(promotion.url),
            lambda: page.goto(rules),
        )
        if not again:
            pages.look(lambda: page.get_by_role("button", name="Undo this rule: Move host").click())
            expect(page.locator(".rules > li").filter(has_text="Move host")).to_have_count(0, timeout=PASS_MS)
            pages.look(lambda: page.reload())
    pages.look(lambda: page.goto(f"{promotion.url}events/?host={HOST}"))
    moved = sum(host_of(promotion.events[n % len(promotion.events)]) == host for n in range(EVENTS))
    expect(page.locator("#rows caption")).to_contain_text(said(moved) if moved < 10_000 else "events")
    slowest = sorted(pages.seconds, reverse=True)[:10]
    print(f"{EVENTS:,} events, the slowest of {len(pages.seconds)} pages:")  # noqa: T201
    for seconds, path in slowest:
        print(f"{seconds:8.3f} s  {path}")  # noqa: T201
    if "PROMOTION_MANY" in os.environ:
        assert slowest[0][0] < MOST_SECONDS
