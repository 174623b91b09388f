"""Working in the JSON editor as a person does."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect


def outgoing(page: Page) -> Locator:
    """The editor that stands for the field `outgoing`."""
    return page.locator(".editor", has=page.locator("textarea[name=outgoing]"))


def typed(editor: Locator) -> Locator:
    """The field that is posted, which holds what stands in the editor."""
    return editor.locator("textarea[name=outgoing]")


def content_of(editor: Locator) -> Locator:
    """Where one types."""
    return editor.get_by_role("textbox").and_(editor.page.locator(".cm-content:not([aria-readonly=true])"))


def write(editor: Locator, old: str, new: str) -> None:
    """Replace `old` by `new`: find it, type over it."""
    content = content_of(editor)
    content.click()
    keyboard = editor.page.keyboard
    keyboard.press("Control+f")
    expect(editor.get_by_label("Find")).to_be_focused()
    keyboard.type(old)
    keyboard.press("Enter")
    keyboard.press("Escape")
    expect(content).to_be_focused()
    keyboard.insert_text(new)
    expect(typed(editor)).to_have_value(re.compile(re.escape(new)))
