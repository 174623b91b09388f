"""A plan as a release manager meets it: refused, forced, ready, stale, and made again with the differences shown."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.stage import JOB_MS, bring, export
from tests.processes import Console

ROLE = "role.RoleCreatedEvent"


@pytest.mark.timeout(240)
def test_what_is_there_already_is_forced_in_and_an_edit_makes_the_plan_stale(
    open_page: OpenPage, console: Console
) -> None:
    bring(export(console, "Before", "sit", ROLE))
    promotion = export(console, "Again", "sit", ROLE)
    page = open_page("manager", f"{promotion.url}plan/")
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("heading", name="It is refused")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_role("region", name="Events of the plan")).to_contain_text("Already promoted")

    force_the_first(page)
    expect(page.get_by_role("heading", name="It no longer fits")).to_be_visible()
    page.get_by_role("button", name="Make a new plan").click()
    expect(page.get_by_role("heading", name="It is ready: 1 event can go to sit")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#differs")).to_contain_text("1 goes now and did not before")
    page.get_by_role("link", name="1 forced").click()
    rows = page.locator("#rows tbody tr:not(.detail)")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Forced")
    assert violations(page) == []

    rows.get_by_role("link").first.click()
    page.get_by_role("button", name="Exclude", exact=True).click()
    page.goto(f"{promotion.url}plan/")
    expect(page.get_by_role("heading", name="It no longer fits")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Replay 1 event"))).to_have_count(0)
    assert violations(page) == []
    page.get_by_role("button", name="Make a new plan").click()
    expect(page.get_by_role("heading", name="It is refused")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("#differs")).to_contain_text("1 went and does not go now")


def force_the_first(page: Page) -> None:
    """Send the first event all the same: a reason has to be given."""
    send = page.get_by_role("button", name="Send all the same", exact=True)
    expect(send).to_be_disabled()
    page.locator("[data-select-row]").first.check()
    send.click()
    expect(page.get_by_label("Reason (mandatory)")).to_be_focused()  # the browser asks for it
    page.get_by_label("Reason (mandatory)").fill("Its consumers lost it.")
    send.click()
    expect(page.get_by_text("1 event will be sent all the same.")).to_be_visible()
