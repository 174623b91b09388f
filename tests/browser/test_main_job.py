"""The main job, from the login page to the receipt; then somebody else reads the target."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from promotion.domain.keys import java_partition
from tests.browser.axe import violations
from tests.browser.conftest import OpenPage, log_in
from tests.browser.consumer import Registry, Seen, derived, merge_order, read_all
from tests.browser.editor import outgoing, typed, write
from tests.browser.stage import JOB_MS, expect_plan, start_replay
from tests.processes import Console

EDITED, EXCLUDED = "ServiceCreatedEvent", "RoleDeletedEvent"
EDIT = "Sells pets", "Sells pets in sit ✓"
Position = tuple[int, int]


@dataclass
class Source:
    """What stands on dev's topic, read without the console: the records, what of them travels, and how many of what."""

    records: list[Seen]
    outgoing: list[Seen]
    values: dict[Position, tuple[str, dict[str, Any]]]
    counts: Counter[str]


@pytest.mark.timeout(240)
def test_a_release_manager_edits_and_replays_the_configurable_events_of_dev_to_sit(
    open_page: OpenPage, console: Console
) -> None:
    page = open_page(None, "/")
    log_in(page, console, "manager")
    create(page)
    export(page)
    source = read_source(console)
    assert_accounting_adds_up(page, source.counts)
    page.get_by_role("link", name="Edit the events").click()
    edited = edit_one(page, source)
    excluded = exclude_one(page)
    plan(page, len(source.outgoing) - 1)
    start_replay(page, len(source.outgoing) - 1, "sit")
    sent = [record for record in source.outgoing if record.position != excluded]
    arrived, partitions = read_all(
        console.environments["sit"]["bootstrap_servers"], console.environments["sit"]["topic"]
    )
    pairs = pair(sent, arrived)
    assert_keyed_and_ordered_as_java_would(pairs, source, partitions)
    assert_values_are_the_sources_but_for_nonces_and_the_edit(pairs, source, edited, console)
    assert_the_target_was_read_back(page, len(sent))
    assert_the_receipt_says_where_everything_is(page, pairs)


def create(page: Page) -> None:
    page.get_by_role("link", name="New promotion").first.click()
    page.get_by_label("Title").fill("Release 1")
    page.get_by_label("From", exact=True).select_option(label="dev")
    page.get_by_label("To", exact=True).select_option(label="sit")
    page.get_by_role("button", name="Create the promotion").click()
    expect(page.get_by_role("heading", name="Release 1")).to_be_visible()


def export(page: Page) -> None:
    """Start the export and watch it end, without a reload."""
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_role("heading", name="Next: look through")).to_be_visible(timeout=JOB_MS)


def read_source(console: Console) -> Source:
    dev = console.environments["dev"]
    records, _ = read_all(dev["bootstrap_servers"], dev["topic"])
    decisions = {each["full_name"]: each["decision"] for each in console.manage("event_types", "list")["event_types"]}
    registry, counts = Registry(dev["registry_url"]), Counter[str]()
    values, travelling = {}, []
    for record in records:
        decoded = None if record.value is None else registry.decode(record)
        if decoded:
            values[record.position] = decoded
        kind = disposition(record, decoded, decisions)
        counts[kind] += 1
        if kind == "Kept":
            travelling.append(record)
    return Source(records, merge_order(travelling), values, counts)


def disposition(record: Seen, decoded: tuple[str, dict[str, Any]] | None, decisions: dict[str, str]) -> str:
    if record.value is None:
        return "Tombstones"
    if decoded is None:
        return "Quarantined"
    name, value = decoded
    if decisions[name] != "promotable":
        return decisions[name].replace("_", " ").capitalize()
    return "Derived" if derived(value) else "Kept"


def assert_accounting_adds_up(page: Page, counts: Counter[str]) -> None:
    assert min(counts[kind] for kind in ("Kept", "Not promotable", "Undecided", "Derived", "Quarantined")) > 0
    shown = {
        row.locator("dt").inner_text(): number(row.locator("dd").inner_text())
        for row in page.locator(".stats > div").all()
    }
    assert shown.pop("Read") == counts.total()
    assert {kind: count for kind, count in shown.items() if count} == counts
    page.get_by_text("The exact numbers").last.click()
    sums = [number(cell) for cell in page.locator("tfoot td").all_inner_texts()]
    assert sum(sums[:-1]) == sums[-1] == counts.total()


def edit_one(page: Page, source: Source) -> Position:
    """Change a string of the first event of a type; before that an edit that does not fit. Returns its position."""
    page.get_by_role("combobox", name="Type").select_option(label=EDITED)
    page.get_by_label("Field equals").fill("apiId = petstore")
    page.get_by_role("button", name="Filter").click()
    wanted = [p for p, (name, value) in source.values.items() if name.endswith(EDITED) and value["apiId"] == "petstore"]
    expect(page.locator("#rows tbody tr")).to_have_count(min(50, len(wanted)))
    page.locator("#rows tbody a").first.click()
    at = position(page)
    assert at in wanted
    write(outgoing(page), '"petstore"', "5")
    page.get_by_role("button", name="Save", exact=True).click()
    problems = page.get_by_role("list", name="Problems")
    expect(problems).to_contain_text("apiId")
    expect(problems).to_contain_text("Expected string, found")
    expect(typed(outgoing(page))).to_have_value(re.compile(r'"apiId": 5'))
    # The id names the thing, and later events are about that one: what changes is what it says.
    write(outgoing(page), '"apiId": 5', '"apiId": "petstore"')
    write(outgoing(page), *EDIT)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("region", name="Differences").first).to_contain_text(EDIT[1])
    assert violations(page) == []
    return at


def exclude_one(page: Page) -> Position:
    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_role("link", name="Remove the filter Field equals").click()
    page.get_by_role("combobox", name="Type").select_option(label=EXCLUDED)
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#rows tbody tr").first).to_contain_text(EXCLUDED)
    row = page.locator("#rows tbody tr").first
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Exclude", exact=True).click()
    expect(page.get_by_text("1 event excluded.")).to_be_visible()
    page.get_by_role("combobox", name="State").select_option(label="Excluded")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    page.locator("#rows tbody a").first.click()
    return position(page)


def position(page: Page) -> Position:
    """The position on the page of an event."""
    text = page.locator("dd", has_text=re.compile(r"partition \d+, offset \d+")).inner_text()
    partition, offset = map(int, re.findall(r"\d+", text))
    return partition, offset


def plan(page: Page, count: int) -> None:
    """Make the plan with what is proposed: on an empty target everything goes out."""
    page.locator(".breadcrumbs").get_by_role("link", name="Release 1").click()
    page.locator("main .card").get_by_role("link", name="Make the plan").click()
    page.get_by_role("button", name="Make the plan").click()
    expect_plan(page, f"It is ready: {count:,} events can go to sit")
    stats = page.get_by_role("region", name=re.compile("What becomes of")).locator(".stats > div").all()
    shown = {each.locator("dt").inner_text().strip(): number(each.locator("dd").inner_text()) for each in stats}
    assert shown["New"] > 0 < shown["Changed"]
    assert shown["New"] + shown["Changed"] == shown["Goes out"] == sum(shown.values()) / 2 == count
    assert violations(page) == []


def pair(sent: list[Seen], arrived: list[Seen]) -> list[tuple[Seen, Seen]]:
    """Each source record with what arrived of it: by the position in its headers, and once each."""
    by_source = {source_position(record): record for record in arrived}
    assert len(arrived) == len(sent) == len(by_source)
    return [(record, by_source[record.position]) for record in sent]


def source_position(record: Seen) -> Position:
    assert record.headers["promotion.source.environment"] == b"dev"
    return int(record.headers["promotion.source.partition"]), int(record.headers["promotion.source.offset"])


def assert_keyed_and_ordered_as_java_would(pairs: list[tuple[Seen, Seen]], source: Source, partitions: int) -> None:
    offsets = defaultdict(list)
    for sent, arrived in pairs:
        _, value = source.values[sent.position]
        host = value.get("hostId") or value["EventId"]["hostId"]
        assert arrived.key == host.encode()
        assert arrived.partition == java_partition(arrived.key, partitions)
        assert arrived.timestamp == sent.timestamp
        offsets[arrived.partition].append(arrived.offset)
    assert len(offsets) > 1
    assert all(each == sorted(each) for each in offsets.values())  # the pairs stand in merge order


def assert_values_are_the_sources_but_for_nonces_and_the_edit(
    pairs: list[tuple[Seen, Seen]], source: Source, edited: Position, console: Console
) -> None:
    registry = Registry(console.environments["sit"]["registry_url"])
    other_ids, nonces = 0, Counter[str]()
    for sent, arrived in pairs:
        name, value = registry.decode(arrived)
        assert not derived(value)
        source_name, expected = deepcopy(source.values[sent.position])
        assert name == source_name
        # sit was empty: each user's nonces begin with 1 there, and have no gap in the order of the plan.
        user = expected["EventId"].get("userId") or expected["EventId"]["id"]
        nonces[user] += 1
        expected["EventId"]["nonce"] = nonces[user]
        if sent.position == edited:
            expected["value"] = expected["value"].replace(*EDIT)
        assert value == expected
        other_ids += arrived.schema_id != sent.schema_id
    assert other_ids > 0  # the registries differ, so the id in front of the body must


def assert_the_target_was_read_back(page: Page, count: int) -> None:
    """A verification follows by itself; another one can be asked for at any time."""
    page.get_by_role("link", name="See the receipt").click()
    proof = page.get_by_role("region", name="Proof")
    expect(proof.get_by_text("Verified: every event is there once")).to_be_visible(timeout=JOB_MS)
    stats = [number(each) for each in proof.locator(".stats dd").all_inner_texts()]
    assert stats == [count, count, 0, 0, 0, 0, 0, 0]
    proof.get_by_role("button", name="Verify again").click()
    expect(proof.get_by_text("All 2 verifications")).to_be_visible(timeout=JOB_MS)


def assert_the_receipt_says_where_everything_is(page: Page, pairs: list[tuple[Seen, Seen]]) -> None:
    table = page.get_by_role("region", name="Receipt of each event")
    shown = [tuple(row.locator("td.nowrap").all_inner_texts()) for row in table.locator("tbody tr").all()]
    expected = [tuple(f"{p}:{o}" for p, o in (sent.position, arrived.position)) for sent, arrived in pairs]
    assert violations(page) == []
    assert len(shown) == 100
    assert shown == expected[:100]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    document = json.loads(download.value.path().read_text())
    receipts = document["receipts"]
    assert document["verdict"] == "verified"
    listed = [tuple(f"{r[side]['partition']}:{r[side]['offset']}" for side in ("source", "target")) for r in receipts]
    assert listed == expected


def number(text: str) -> int:
    """The number in front: `1,019 20.4 %` is 1019, a dash is 0."""
    found = re.match(r"[\d,]+", text)
    return int(found[0].replace(",", "")) if found else 0
