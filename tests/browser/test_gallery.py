"""Every component in a real browser, on the page that shows them all."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations_in_both_modes
from tests.browser.conftest import OpenPage
from tests.browser.editor import outgoing, typed, write

ABOVE_2_53 = "9007199254740993"


@pytest.fixture
def gallery(open_page: OpenPage) -> Page:
    return open_page("manager", "/gallery/", timezone_id="Asia/Tokyo", locale="en-GB")


def test_shift_selects_a_range_and_the_count_follows(gallery: Page) -> None:
    rows = gallery.locator("#rows [data-select-row]")
    count, exclude = gallery.locator("[data-select-count]"), gallery.get_by_role("button", name="Exclude")
    expect(exclude).to_be_disabled()
    rows.nth(0).click()
    expect(count).to_have_text("1")
    expect(exclude).to_be_enabled()
    rows.nth(2).click(modifiers=["Shift"])
    expect(count).to_have_text("3")
    expect(rows.nth(1)).to_be_checked()
    expect(rows.nth(3)).not_to_be_checked()
    everything = gallery.get_by_label("Select all on this page")
    expect(everything).to_have_js_property("indeterminate", True)
    everything.click()
    expect(count).to_have_text("4")
    everything.click()
    expect(count).to_have_text("0")
    expect(exclude).to_be_disabled()


def test_a_protected_target_must_be_typed(gallery: Page) -> None:
    button = gallery.get_by_role("button", name="Replay 4,808 events to prod")
    typed = gallery.get_by_label("Type prod to confirm")
    expect(button).to_be_disabled()
    typed.fill("pro")
    expect(button).to_be_disabled()
    typed.fill("prod")
    expect(button).to_be_enabled()


def test_a_long_above_2_53_survives_editing_and_ctrl_s_submits(gallery: Page) -> None:
    editor = outgoing(gallery)
    write(editor, "Petstore (sit)", "Petstore (uat)")
    with gallery.expect_request(lambda request: request.method == "POST") as posted:
        gallery.keyboard.press("Control+s")
    text = posted.value.post_data or ""
    assert ABOVE_2_53 in text
    assert "Petstore+%28uat%29" in text


def test_the_editor_marks_the_problems_it_was_given_and_leads_to_them(gallery: Page) -> None:
    editor = outgoing(gallery)
    expect(editor.locator(".cm-lintRange-error")).to_have_text("7")
    expect(editor.get_by_role("status")).to_contain_text("Expected a string, found a number.")
    editor.get_by_role("button", name="tags[2]").click()
    expect(editor.get_by_role("textbox", name="Outgoing event")).to_be_focused()
    gallery.keyboard.type('"seven"')
    expect(typed(editor)).to_have_value(re.compile(r'"demo", "seven"'))


def test_broken_json_is_marked_while_it_is_typed(gallery: Page) -> None:
    editor = outgoing(gallery)
    write(editor, '"0100"', '"0100')
    expect(editor.get_by_role("status")).to_contain_text("Line")
    expect(editor.get_by_role("status")).to_have_attribute("data-tone", "danger")


def test_a_chosen_theme_is_kept_and_is_there_before_the_first_paint(gallery: Page) -> None:
    html = gallery.locator("html")
    gallery.locator(".menu summary").click()
    gallery.get_by_role("button", name="Dark").click()
    expect(html).to_have_attribute("data-theme", "dark")
    expect(gallery.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    # The server itself renders it: no script has to run first.
    answer = gallery.request.get("/gallery/")
    assert '<html lang="en" data-theme="dark">' in answer.text()
    gallery.reload()
    expect(html).to_have_attribute("data-theme", "dark")
    assert lightness(gallery) < 60


def test_the_theme_of_the_system_is_followed_until_one_is_chosen(open_page: OpenPage) -> None:
    assert lightness(open_page("manager", "/gallery/", color_scheme="light")) > 200
    assert lightness(open_page("manager", "/gallery/", color_scheme="dark")) < 60


def test_an_id_is_copied_whole(gallery: Page) -> None:
    gallery.context.grant_permissions(["clipboard-read", "clipboard-write"])
    gallery.get_by_role("button", name="Copy the key").click()
    expect(gallery.locator("#announcements")).to_have_text("Copied.")
    assert gallery.evaluate("navigator.clipboard.readText()") == "01964b05-552a-7c4b-9184-6857e7f3dc5f"


def test_times_are_the_viewers_and_name_their_zone_with_utc_on_hover(gallery: Page) -> None:
    time = gallery.locator("td[data-label=Time] time").first
    expect(time).to_have_text(re.compile(r"24 Nov 2025, 12:07:12 GMT\+9"))
    expect(time).to_have_attribute("title", "2025-11-24 03:07:12 UTC")


def test_the_focus_survives_a_swap_by_htmx(gallery: Page) -> None:
    following = gallery.get_by_role("link", name="Next")
    following.focus()
    before = following.element_handle()
    gallery.evaluate("htmx.ajax('GET', '/gallery/', {target: '#rows', select: '#rows', swap: 'outerHTML'})")
    expect(following).to_be_focused()
    assert not before.evaluate("element => element.isConnected")


def test_a_dialog_opens_and_closes_by_keyboard(gallery: Page) -> None:
    opener = gallery.get_by_role("button", name="Replay to prod")
    opener.focus()
    gallery.keyboard.press("Enter")
    expect(gallery.get_by_role("dialog")).to_be_visible()
    gallery.keyboard.press("Escape")
    expect(gallery.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()


def test_leaving_unsaved_edits_asks_first(gallery: Page) -> None:
    editor = outgoing(gallery)
    write(editor, "Petstore (sit)", "Petstore (uat)")
    asked: list[str] = []
    gallery.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    gallery.get_by_role("link", name="Promotions").click(no_wait_after=True)
    gallery.wait_for_function("window.scrollY >= 0")  # the page answers: it has not been left
    assert asked == ["beforeunload"]
    assert gallery.url.endswith("/gallery/")


def test_no_component_violates_wcag(open_page: OpenPage) -> None:
    page = open_page("manager", "/gallery/?errors=1&type=role")
    assert violations_in_both_modes(page) == []


def test_the_gallery_fits_a_phone(open_page: OpenPage) -> None:
    page = open_page("manager", "/gallery/", viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def lightness(page: Page) -> int:
    """The red part of the page's background, 0 to 255."""
    return int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
