"""The editor that knows the schema, the keys, and the same field in many events."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.editor import content_of, outgoing, typed, write
from tests.browser.stage import Exported, export
from tests.processes import Console

ROLES = "role.RoleCreatedEvent"


def promotion_of(console: Console, target: str, title: str) -> Exported:
    return export(console, title, target, ROLES)


def open_event(open_page: OpenPage, promotion: Exported, **options: object) -> Page:
    page = open_page("manager", promotion.url_of(promotion.events[0]), **options)
    page.locator("#rows tbody a").first.click()
    expect(content_of(outgoing(page))).to_be_visible()
    return page


def test_the_editor_proposes_names_and_values_and_says_what_a_field_is(
    open_page: OpenPage, console: Console, target: str
) -> None:
    page = open_event(open_page, promotion_of(console, target, "Proposals"))
    editor, proposed = outgoing(page), page.locator(".cm-tooltip-autocomplete")
    write(editor, '"roleDesc"', '"ro"')
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Space")
    expect(proposed).to_contain_text("roleDesc")
    expect(proposed.get_by_role("option")).to_have_count(1)
    proposed.get_by_role("option").click()
    expect(typed(editor)).to_have_value(re.compile(r'"roleDesc": '))
    expect(editor.locator(".editor-field")).to_contain_text("What the role is for.")
    write(editor, '"derived": false', '"derived": ')
    page.keyboard.press("Control+Space")
    expect(proposed.get_by_role("option")).to_have_text([re.compile("false"), re.compile("true")])
    proposed.get_by_role("option", name="true").click()
    expect(typed(editor)).to_have_value(re.compile(r'"derived": true'))
    expect(editor.locator(".editor-field")).to_contain_text("boolean, default false")
    page.keyboard.press("Control+Shift+Space")
    expect(page.locator("#announcements")).to_contain_text("EventId › derived: boolean, default false.")
    page.mouse.move(0, 0)
    editor.locator(".tok-propertyName", has_text="hostId").hover()
    expect(page.locator(".editor-hover")).to_contain_text("The host (tenant) it belongs to.")
    assert violations(page) == []


def test_what_is_typed_before_the_page_has_settled_is_checked_too(
    open_page: OpenPage, console: Console, target: str
) -> None:
    page = open_event(open_page, promotion_of(console, target, "At once"))
    page.reload(wait_until="commit")
    editor = outgoing(page)
    content_of(editor).click()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type(',"nonsense": 5')
    expect(page.get_by_role("list", name="Problems")).to_contain_text("nonsense")


def test_a_field_that_is_left_out_is_proposed_with_its_value_begun(
    open_page: OpenPage, console: Console, target: str
) -> None:
    page = open_event(open_page, promotion_of(console, target, "Left out"))
    editor = outgoing(page)
    content_of(editor).click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text('{"EventId": {"id": "a", "nonce": 1}, ')
    page.keyboard.type('"ho')
    page.locator(".cm-tooltip-autocomplete").get_by_role("option", name="hostId").click()
    expect(typed(editor)).to_have_value(re.compile(r'"hostId": ""$'))
    page.keyboard.type("h1")
    expect(typed(editor)).to_have_value(re.compile(r'"hostId": "h1"'))


def test_problems_are_marked_as_one_types_and_lead_to_their_places(
    open_page: OpenPage, console: Console, target: str
) -> None:
    page = open_event(open_page, promotion_of(console, target, "Problems"))
    editor, problems = outgoing(page), page.get_by_role("list", name="Problems")
    status = editor.locator(".editor-status [role=status]")
    write(editor, '"derived": false', '"derived": "no"')
    expect(problems).to_contain_text("Write true or false, without quotes.")
    expect(editor.locator(".cm-lint-marker-error")).to_have_count(1)
    expect(status).to_contain_text("Expected boolean")
    assert violations(page) == []
    page.get_by_role("button", name="EventId.derived").press("Enter")
    expect(content_of(editor)).to_be_focused()
    page.keyboard.insert_text("true")
    expect(status).to_have_text("Valid JSON that fits the schema")
    expect(problems).to_be_hidden()
    write(editor, '"roleDesc"', '"roleDesc')
    expect(status).to_contain_text("This is not valid JSON")
    expect(problems).to_be_hidden()


def test_keys_do_what_the_buttons_do_stay_out_of_fields_and_can_be_switched_off(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = promotion_of(console, target, "Keys")
    page = open_page("manager", f"{promotion.url}events/")
    page.keyboard.press("/")
    expect(page.get_by_label("Text anywhere")).to_be_focused()
    page.keyboard.type("j?")
    expect(page.get_by_label("Text anywhere")).to_have_value("j?")
    page.get_by_label("Text anywhere").fill("")
    page.get_by_role("heading", name="Events").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    links = page.locator("#rows tbody th a")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#rows [data-select-count]")).to_have_text("1")
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"event 1 of \d+"))).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_text(re.compile(r"event 2 of \d+"))).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_text(re.compile(r"event 1 of \d+"))).to_be_visible()
    page.keyboard.press("e")
    expect(content_of(outgoing(page))).to_be_focused()
    page.keyboard.type("xjk?")
    expect(typed(outgoing(page))).to_have_value(re.compile(r"xjk\?"))
    page.keyboard.press("Control+z")
    page.reload()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    assert violations(page) == []
    dialog.get_by_label("Single keys work outside of fields").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    expect(page.get_by_text(re.compile(r"event 1 of \d+"))).to_be_visible()
    page.get_by_role("button", name="Keys").click()
    expect(dialog.get_by_label("Single keys work outside of fields")).not_to_be_checked()


def test_saving_and_going_on_is_one_key_and_unsaved_work_is_asked_about(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = promotion_of(console, target, "Going on")
    page = open_page("manager", f"{promotion.url}events/")
    page.locator("#rows tbody a").first.click()
    write(outgoing(page), "Members of", "Friends of")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"event 2 of \d+"))).to_be_visible()
    expect(page.get_by_text(": Saved.")).to_be_visible()
    write(outgoing(page), "Members of", "Friends of")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("j")
    expect(page.get_by_text(re.compile(r"event 2 of \d+"))).to_be_visible()
    assert asked == ["beforeunload"]
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    differences = page.get_by_role("region", name="Differences").first
    expect(differences.locator("del")).to_have_text(["Members"])
    expect(differences.locator("ins")).to_have_text(["Friends"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_same_field_is_edited_in_the_ticked_events_and_taken_back(
    open_page: OpenPage, console: Console, target: str, scheme: str
) -> None:
    promotion = promotion_of(console, target, "Together")
    page = open_page("manager", f"{promotion.url}events/", color_scheme=scheme)
    for row in range(3):
        page.locator("#rows tbody").get_by_role("checkbox").nth(row).check()
    page.get_by_role("button", name="Edit a field…").click()
    expect(page.get_by_role("heading", name="Edit the same field in 3 events")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Field", exact=True).select_option("roleDesc")
    page.get_by_role("button", name="Choose this field").click()
    page.get_by_label("New value", exact=True).fill("For everybody")
    page.get_by_role("button", name="Look at what would change").click()
    expect(page.get_by_role("region", name="Examples").locator("ins").first).to_contain_text("For everybody")
    assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Change 3 events").click()
    expect(page.get_by_text("3 events changed: roleDesc.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 events as before again.")).to_be_visible()
