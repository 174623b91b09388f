"""A real export, watched: its progress survives a reload, nothing jumps while it goes on, and the tab tells its end.

The test holds the table that every chunk is counted in, so that the worker goes on by one chunk when it is let.
"""

from __future__ import annotations

import json
import re

import psycopg
from confluent_kafka import Producer
from playwright.sync_api import Page, expect

from portal_admin.embedded.stack import Cluster
from promotion.actions.export_chunk import RECORDS
from promotion.domain.connection import KafkaConnection
from promotion.kafka.cluster import create_topic
from tests.browser.conftest import OpenPage
from tests.browser.stage import JOB_MS
from tests.processes import Console
from tests.services import unique

MANY = 4 * RECORDS
#: Marks the focused element and where the page is scrolled to.
MARK = "() => { window.focused = document.activeElement; window.at = scrollY; }"
STAYED = "() => document.activeElement === window.focused && scrollY === window.at"


class Gate:
    """Holds the export's counts: `step` lets exactly one chunk through."""

    def __init__(self, console: Console) -> None:
        self._connection = psycopg.connect(console.env["DATABASE_URL"])
        self._lock()

    def _lock(self) -> None:
        self._connection.execute("LOCK TABLE promotion_exportcount IN EXCLUSIVE MODE")

    def step(self) -> None:
        self._connection.rollback()  # who waits gets it before who comes now
        self._lock()

    def open(self) -> None:
        self._connection.close()


def add_source(console: Console, cluster: Cluster) -> str:
    """Make an environment whose topic has MANY tombstones in three partitions; return its name."""
    name = unique("long")
    topic = f"portal-event-{name}"
    create_topic(KafkaConnection(cluster.bootstrap_servers), topic, 3, {"retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "queue.buffering.max.messages": MANY})
    for number in range(MANY):
        producer.produce(topic, None, b"a key", number % 3)
    assert producer.flush(60) == 0
    place = {"bootstrap_servers": cluster.bootstrap_servers, "registry_url": cluster.registry_url, "topic": topic}
    rows = {**place, "source": True, "target": False, "order": 91, "protected": False}
    file = console.directory / f"{name}.toml"
    file.write_text(f"[environments.{name}]\n" + "".join(f"{key} = {json.dumps(each)}\n" for key, each in rows.items()))
    console.manage("environments", "load", str(file), "--as=admin", "--untested")
    return name


def test_an_export_is_watched_through_a_reload_to_its_end(
    open_page: OpenPage, console: Console, clusters: dict[str, Cluster], target: str
) -> None:
    source = add_source(console, clusters["dev"])
    made = console.manage(
        "promotion", "create", f"--source={source}", f"--target={target}", "--title=Watched", "--as=manager"
    )
    page = open_page("manager", f"/promotions/{made['id']}/", viewport={"width": 1280, "height": 420})
    gate = Gate(console)
    try:
        page.get_by_role("button", name="Start the export").click()
        expect(page.locator(".progress-line")).to_contain_text(f"0 of {MANY:,} records")
        expect(page).to_have_title(re.compile(rf"^0 % · Export · #{made['id']} Watched"))

        page.reload()
        expect(page.locator(".progress-line")).to_contain_text(f"0 of {MANY:,} records")
        expect(page.get_by_role("progressbar", name="Partition")).to_have_count(3)

        positions = page.locator("summary", has_text="Positions by partition")
        positions.click()
        positions.focus()
        page.evaluate("scrollTo(0, 150)")
        page.evaluate(MARK)
        gate.step()
        expect(page).to_have_title(re.compile(r"^\d\d % · Export"))
        expect(page.locator(".progress-line")).to_contain_text(re.compile(r"[1-9][\d,]+ of "))
        expect(page.locator("details[open] table tbody tr")).to_have_count(3)
        assert page.evaluate(STAYED)
        assert read_in(page) > 0
    finally:
        gate.open()
    expect(page).to_have_title(re.compile(rf"^✓ Exported · #{made['id']} Watched"), timeout=JOB_MS)
    expect(page.get_by_role("heading", name="Nothing to promote")).to_be_visible()
    expect(page.locator("#announcements")).to_have_text("Exported")
    expect(page.locator(".strip")).to_have_count(0)


def read_in(page: Page) -> int:
    """How far the table with the positions says that the export is."""
    cells = page.locator("details[open] tbody td:nth-child(3)").all_inner_texts()
    return sum(int(each.replace(",", "")) for each in cells)
