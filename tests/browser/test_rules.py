"""Rules: the events of a host and of a user are moved to others, looked at first, applied, undone, applied again."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.stage import JOB_MS, Exported, expect_plan, export, make_plan, said
from tests.browser.test_pages import faults
from tests.processes import Console

HOST, USER = "host-of-sit", "somebody@sit.example"
Event = dict[str, Any]


@pytest.mark.timeout(240)
def test_a_release_manager_moves_events_to_another_host_and_user_and_undoes_it(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = export(console, "Rules", target, "role.RoleCreatedEvent", "role.RoleUpdatedEvent")
    events = promotion.events
    host, user = most(events, host_of), most(events, user_of)
    hosts, users = [e for e in events if host_of(e) == host], [e for e in events if user_of(e) == user]
    either = len([e for e in events if e in hosts or e in users])
    page = open_page("manager", promotion.url)
    page.get_by_role("link", name="Change many by rules").click()
    move(page, "host", host, HOST)
    move(page, "user", user, USER)
    expect(page.get_by_text("2 changes are not applied.")).to_be_visible()
    preview(page, len(hosts), either)
    assert violations(page) == []
    apply(page, either, len(events))
    page.get_by_role("link", name="See the changed events").click()
    expect(page.locator("#rows caption")).to_contain_text(said(either))
    see_what_changed(page, promotion, hosts[0])
    undo(page, promotion, "Move host")
    assert by_host(page, promotion) == len([e for e in events if host_of(e) == HOST]) == 0
    page.goto(f"{promotion.url}rules/")
    move(page, "host", host, HOST)
    page.get_by_role("link", name="Apply…").click()
    page.get_by_role("button", name=f"Apply to {said(len(events))} without a preview").click()
    expect_done(page)
    assert by_host(page, promotion) == len(hosts)
    make_plan(page, promotion)
    expect_plan(page, f"It is ready: {said(len(events))} can go to {target}")
    rules = page.get_by_role("region", name="Rules of this plan")
    expect(rules.get_by_role("listitem")).to_have_count(2)
    expect(rules).to_contain_text(f'by "{HOST}" everywhere in hostId')
    assert violations(page) == []


def test_rules_are_moved_rested_and_removed_by_the_keyboard_and_the_focus_stays(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = export(console, "Keys", target, "role.RoleCreatedEvent")
    page = open_page("manager", f"{promotion.url}rules/")
    for name in ("first", "second"):
        move(page, "host", name, "elsewhere")
    lines = page.locator(".rules > li")
    expect(lines.nth(0)).to_contain_text("Move host first")
    press(page, "Move down Move host first to elsewhere")
    expect(lines.nth(1)).to_contain_text("Move host first")
    press(page, "Let it rest: Move host first to elsewhere", "Wake it up: Move host first to elsewhere")
    expect(lines.nth(1)).to_contain_text("rests")
    page.get_by_role("button", name="Remove Move host first to elsewhere").press("Enter")
    expect(lines).to_have_count(1)
    expect(page.locator("#rules :focus, #rules:focus")).to_have_count(1)


def test_a_colleagues_change_loses_nothing_that_was_typed(open_page: OpenPage, console: Console, target: str) -> None:
    promotion = export(console, "Colleagues", target, "role.RoleCreatedEvent")
    page = open_page("manager", f"{promotion.url}rules/new/?as=rule")
    page.get_by_label("Name", exact=True).fill("What I typed")
    page.get_by_label("Do", exact=True).select_option(label="drop a field")
    page.get_by_role("group", name="Action 1").get_by_label("Field", exact=True).fill("roleDesc")
    page.get_by_role("button", name="One more action").click()
    expect(page.get_by_role("group", name="Action 2").get_by_label("Do", exact=True)).to_be_focused()
    colleague = open_page("manager", f"{promotion.url}rules/")
    move(colleague, "host", "a", "b")
    page.get_by_role("button", name="Save in the draft").last.click()
    expect(page.get_by_text("Somebody else changed the rules")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Save in the draft").last.click()
    expect(page.locator(".rules > li")).to_have_count(2)
    expect(page.locator(".rules")).to_contain_text("What I typed")


def test_the_pages_of_rules_are_for_everybody(open_page: OpenPage, console: Console, target: str) -> None:
    promotion = export(console, "Looks", target, "role.RoleCreatedEvent")
    page = open_page("manager", f"{promotion.url}rules/")
    empty = faults(page, f"{promotion.url}rules/")
    page.set_viewport_size({"width": 1280, "height": 900})
    move(page, "host", host_of(promotion.events[0]), HOST)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What the preview found")).to_be_visible(timeout=JOB_MS)
    paths = ["", "apply/", "file/", "save/", "new/?as=host", "new/?as=user", "new/?as=rule", "new/?as=json"]
    found = {path: found for path in paths if (found := faults(page, f"{promotion.url}rules/{path}"))}
    assert (empty, found) == ([], {})


def move(page: Page, what: str, old: str, new: str) -> None:
    """Write a rule by its quick form."""
    page.get_by_role("link", name=f"Move to another {what}").click()
    pair = page.get_by_role("group", name=f"{what.capitalize()} 1")
    pair.get_by_label("From").fill(old)
    pair.get_by_label("To").fill(new)
    page.get_by_role("button", name="Save in the draft").last.click()
    expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()


def preview(page: Page, matched: int, changed: int) -> None:
    """Look at what the draft would do, and at its numbers."""
    page.get_by_role("button", name="Preview").click()
    report = page.get_by_role("region", name="What the preview found")
    expect(report).to_be_visible(timeout=JOB_MS)
    expect(report).to_contain_text(f"{said(changed)} changed")
    expect(page.locator(".rules > li").first).to_contain_text(f"{matched:,} changed in the last preview")
    fields = page.get_by_role("region", name="Which fields change")
    expect(fields).to_contain_text(HOST)
    expect(fields).to_contain_text(USER)


def apply(page: Page, changed: int, total: int) -> None:
    page.get_by_role("link", name="Apply…", exact=True).click()
    page.get_by_role("button", name=f"Change {changed:,} of {said(total)}").click()
    expect_done(page)
    expect(page.locator(".rules > li").first).to_contain_text("applied")


def expect_done(page: Page) -> None:
    """Wait until a worker has applied the rules, without a reload."""
    expect(page.get_by_role("region", name="What was done")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("not applied")).to_have_count(0)


def see_what_changed(page: Page, promotion: Exported, event: Event) -> None:
    """The page of an event says what rules did to it, and whose work it is."""
    page.goto(promotion.url_of(event))
    page.locator("#rows tbody a").first.click()
    expect(page.get_by_text("Rules changed this event.")).to_be_visible()
    expect(page.get_by_role("region", name="Differences").first).to_contain_text(HOST)
    expect(page.get_by_role("region", name="History")).to_contain_text(re.compile("Move host .* to host-of-sit"))
    assert violations(page) == []


def undo(page: Page, promotion: Exported, name: str) -> None:
    """Undo a rule with one click, and wait until it is gone."""
    page.goto(f"{promotion.url}rules/")
    page.get_by_role("button", name=f"Undo this rule: {name}").click()
    expect(page.locator(".rules > li")).to_have_count(1, timeout=JOB_MS)


def press(page: Page, name: str, then: str = "") -> None:
    """Press a button with the keyboard; afterwards it has the focus still, by whatever name."""
    page.get_by_role("button", name=name).press("Enter")
    expect(page.get_by_role("button", name=then or name)).to_be_focused()


def by_host(page: Page, promotion: Exported) -> int:
    """How many events the list has of the new host."""
    page.goto(f"{promotion.url}events/?host={HOST}")
    if not page.locator("#rows caption").count():
        return 0
    found = re.match(r"[\d,]+", page.locator("#rows caption").inner_text())
    return int(found[0].replace(",", "")) if found else 0


def host_of(event: Event) -> str:
    return str(event["value"].get("hostId") or event["value"]["EventId"]["hostId"])


def user_of(event: Event) -> str:
    part = event["value"]["EventId"]
    return str(part["userId"] if "userId" in part else part["id"])


def most(events: list[Event], name_of: Any) -> str:
    """The name that most of the events have."""
    return str(Counter(map(name_of, events)).most_common(1)[0][0])
