"""The main job by the keyboard alone: from the login page to a verified replay, no mouse and no address typed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import JOB_MS
from tests.processes import Console

MOST_TABS = 120


@pytest.mark.timeout(240)
def test_the_keyboard_alone_gets_from_the_login_page_to_a_verified_replay(
    open_page: OpenPage, console: Console, target: str
) -> None:
    page = open_page(None, "/")
    log_in(page, console)
    press(page, page.get_by_role("link", name="New promotion").first)
    create(page, target)
    expect(page.get_by_role("heading", name="Next: look through")).to_be_visible(timeout=JOB_MS)
    press(page, page.get_by_role("link", name="Edit the events"))
    edit_the_first(page)
    press(page, page.get_by_role("link", name="By keyboard").first)
    press(page, page.get_by_role("link", name="Make the plan"))
    press(page, page.get_by_role("button", name="Make the plan"))
    expect(page.get_by_role("heading", name="It is ready")).to_be_visible(timeout=JOB_MS)
    press(page, page.get_by_role("link", name="Replay ").first)
    expect(page.get_by_role("heading", name=f"Replay to {target}", level=1)).to_be_visible()
    press(page, page.get_by_role("button", name="Replay "))
    expect(page.get_by_role("heading", name=f"Done: replayed to {target}")).to_be_visible(timeout=JOB_MS)
    press(page, page.get_by_role("link", name="See the receipt"))
    expect(page.get_by_text("Verified: every event is there once")).to_be_visible(timeout=JOB_MS)


def log_in(page: Page, console: Console) -> None:
    account = console.accounts["manager"]
    go_to(page, page.get_by_label("Username"))
    page.keyboard.type(account["username"])
    go_to(page, page.get_by_label("Password"))
    page.keyboard.type(account["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Home", level=1)).to_be_visible()


def create(page: Page, target: str) -> None:
    """Fill the form in: a choice is made by typing its name, as browsers have it."""
    go_to(page, page.get_by_label("Title"))
    page.keyboard.type("By keyboard")
    go_to(page, page.get_by_label("To", exact=True))
    page.keyboard.type(target)
    expect(page.get_by_label("To", exact=True).locator("option:checked")).to_have_text(target)
    go_to(page, page.get_by_text("Take only a part"))
    page.keyboard.press("Enter")
    go_to(page, page.get_by_label("RoleCreatedEvent").first)
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Create and export"))


def edit_the_first(page: Page) -> None:
    """Open an event, change it in the editor, save it with Ctrl-S, and find the difference marked."""
    expect(page.get_by_role("heading", name="Events", level=1)).to_be_visible()
    press(page, page.locator("#rows tbody th a").first)
    editor = page.locator(".cm-content").last
    go_to(page, editor)
    text = page.locator("textarea[name=outgoing]").input_value()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text.replace('"nonce": ', '"nonce": 1'))
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Differences")).to_be_visible()


def press(page: Page, wanted: Locator) -> None:
    """Go there with Tab, and press Enter."""
    go_to(page, wanted)
    page.keyboard.press("Enter")


def go_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the focus is there, and see that it shows where it is. Escape first leaves an editor."""
    expect(wanted).to_be_visible()
    page.keyboard.press("Escape")
    for _ in range(MOST_TABS):
        if wanted.evaluate("element => element.contains(document.activeElement)"):
            break
        page.keyboard.press("Tab")
    assert wanted.evaluate("element => element.contains(document.activeElement)"), f"{wanted} is never focused"
    assert focus_is_visible(page), f"the focus does not show at {wanted}"


def focus_is_visible(page: Page) -> Any:
    """Whether the focused element, or what frames it, has an outline or a ring."""
    return page.evaluate(
        """() => {
            const shows = (element) => {
                const style = getComputedStyle(element);
                return style.outlineStyle !== "none" || style.boxShadow !== "none" || style.caretColor !== "auto";
            };
            const active = document.activeElement;
            return shows(active) || shows(active.closest("label, .field, .editor-frame, summary") ?? active);
        }"""
    )
