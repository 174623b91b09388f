"""Approach 2 from end to end: the originals go as they are, one is amended on the target, and the story is told."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.editor import outgoing, write
from tests.browser.stage import JOB_MS, PORTAL, Exported, expect_plan, make_plan, records, registry, said, start_replay
from tests.processes import Console

BETTER = "as only the target wants it ✓"


@pytest.mark.timeout(240)
def test_originals_are_replayed_unedited_then_amended_on_the_target_and_the_story_is_told(
    open_page: OpenPage, console: Console, target: str
) -> None:
    page = open_page("manager", "/promotions/new/")
    parent = create_of_originals(page, console, target)
    assert_values_are_not_edited_before(page, parent)
    make_plan(page, parent)
    start_replay_of(page, parent, target)
    wait_for_proof(page)
    role = amend_the_first(page, target)
    amendments = Exported(console, int(page.url.rstrip("/").rpartition("/")[2]))
    edit(page, amendments, role, target)
    make_plan(page, amendments)
    start_replay_of(page, amendments, target)
    wait_for_proof(page)
    assert_the_target_holds_originals_and_amendment(console, parent, target, role)
    assert_the_story_is_told(page, parent, amendments, role)
    assert_the_command_line_tells_it_too(console, parent, amendments)


def create_of_originals(page: Page, console: Console, target: str) -> Exported:
    """A promotion of the second kind, of the roles that were created on dev, exported."""
    page.get_by_label("Title").fill("Originals first")
    page.get_by_label("From", exact=True).select_option(label="dev")
    page.get_by_label("To", exact=True).select_option(label=target)
    page.get_by_label("Replay the originals, then amend on the target").check()
    page.get_by_text("Take only a part").click()
    page.get_by_label("RoleCreatedEvent", exact=True).check()
    assert violations(page) == []
    page.get_by_role("button", name="Create the promotion").click()
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_role("heading", name="Next: look through")).to_be_visible(timeout=JOB_MS)
    steps = page.locator("main").get_by_role("list").filter(has_text="Re-key")
    expect(steps).to_contain_text("Amend")
    return Exported(console, int(page.url.rstrip("/").rpartition("/")[2]))


def assert_values_are_not_edited_before(page: Page, parent: Exported) -> None:
    page.goto(f"{parent.url}events/")
    page.get_by_role("link", name="Role · Created").first.click()
    expect(page.get_by_text("The originals go first")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("button", name="Exclude")).to_be_visible()
    assert violations(page) == []


def start_replay_of(page: Page, promotion: Exported, target: str) -> None:
    """What goes is what the plan says: dev's story tells one role twice, and the same again is left out."""
    expect_plan(page, "It is ready: ")
    count = promotion.console.manage("promotion", "show", str(promotion.number))["plan"]["events"]
    expect_plan(page, f"It is ready: {said(count)} can go to {target}")
    start_replay(page, count, target)


def wait_for_proof(page: Page) -> None:
    page.get_by_role("link", name="See the receipt").click()
    expect(page.get_by_text("Verified: every event is there once")).to_be_visible(timeout=JOB_MS)


def amend_the_first(page: Page, target: str) -> str:
    """Tick the first event of the receipt and have a worker propose its amendment; return what it is about."""
    assert violations(page) == []
    page.get_by_label("Select event 1", exact=True).check()
    page.get_by_role("button", name=f"Amend on {target}").click()
    expect(page.get_by_role("heading", name="Next: look through 1 event")).to_be_visible(timeout=JOB_MS)
    assert violations(page) == []
    page.get_by_role("link", name="Edit the events").click()
    page.get_by_role("link", name="Role · Updated").click()
    expect(page.get_by_role("heading", name="What it amends")).to_be_visible()
    label = page.locator("section", has=page.get_by_role("heading", name="What it amends")).locator("dd").first
    role = label.inner_text()
    page.go_back()
    page.go_back()
    return role


def edit(page: Page, amendments: Exported, role: str, target: str) -> None:
    """Change its description; the page compares it with what the target held."""
    [event] = amendments.events
    assert event["value"]["EventId"]["nonce"] == 0
    old = described(event["value"])
    page.goto(amendments.url_of(event))
    page.get_by_role("link", name="Role · Updated").click()
    section = page.locator("section", has=page.get_by_role("heading", name="What it amends"))
    expect(section).to_contain_text(role)
    expect(section).to_contain_text("It says what was on the target already")
    write(outgoing(page), old, BETTER)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    row = page.get_by_role("group", name="Against the target").get_by_role("row", name="roleDesc")
    expect(row).to_contain_text(old)
    expect(row).to_contain_text(BETTER)
    expect(section).to_contain_text(f"on {target} at")
    assert violations(page) == []


def described(value: dict[str, Any]) -> str:
    found = value["roleDesc"]
    return str(found["string"] if isinstance(found, dict) else found)


def assert_the_target_holds_originals_and_amendment(console: Console, parent: Exported, target: str, role: str) -> None:
    arrived = [registry(console, target).decode(record) for record in records(console, target)]
    assert [name for name, _ in arrived if name == f"{PORTAL}.role.RoleUpdatedEvent"] == [
        f"{PORTAL}.role.RoleUpdatedEvent"
    ]
    originals = [value for name, value in arrived if name.endswith("CreatedEvent")]
    assert {str(value["roleId"]) for value in originals} == {str(each["value"]["roleId"]) for each in parent.events}
    [updated] = [value for name, value in arrived if name.endswith("UpdatedEvent")]
    assert updated["roleDesc"] == BETTER
    assert str(updated["roleId"]) in role
    assert updated["EventId"]["nonce"] > max(
        value["EventId"]["nonce"] for value in originals if user_of(value) == user_of(updated)
    )


def user_of(value: dict[str, Any]) -> str:
    return str(value["EventId"].get("userId", value["EventId"]["id"]))


def assert_the_story_is_told(page: Page, parent: Exported, amendments: Exported, role: str) -> None:
    page.goto(parent.url)
    page.get_by_role("link", name="The whole story").first.click()
    first, second = (page.locator(f"section[aria-labelledby=h-{each.number}]") for each in (parent, amendments))
    expect(first).to_contain_text("1. The originals")
    expect(first).to_contain_text("Verified")
    expect(second).to_contain_text("2. Amendments")
    expect(second).to_contain_text("Verified")
    expect(second).to_contain_text(role)
    expect(second).to_contain_text(BETTER)
    assert violations(page) == []
    second.get_by_role("link", name=f"#{parent.number} ").click()
    expect(page.get_by_role("heading", name="Amendments of it")).to_be_visible()
    expect(page.get_by_role("link", name=f"RoleUpdatedEvent amendment 0 of #{amendments.number}")).to_be_visible()
    assert violations(page) == []
    page.goto(f"{parent.url}amend/?kind=Role")
    expect(page.get_by_role("button", name="Propose an amendment")).to_be_visible()
    assert violations(page) == []


def assert_the_command_line_tells_it_too(console: Console, parent: Exported, amendments: Exported) -> None:
    first, second = console.manage("promotion", "show", str(parent.number))["story"]
    assert (first["promotion"], first["verdict"], first["amendments"]) == (parent.number, "verified", [])
    assert (second["promotion"], second["verdict"], second["arrived"]) == (amendments.number, "verified", 1)
    [told] = second["amendments"]
    assert told["verdict"] == "changed"
    assert [change["to"] for change in told["changes"]] == [BETTER]
    assert told["amends"]["promotion"] == parent.number
