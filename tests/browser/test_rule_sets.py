"""A rule set in the browser: written, mended where the editor marks it, changed, and what differs is shown."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.editor import content_of
from tests.services import unique


def put(page: Page, rules: list[dict[str, object]]) -> None:
    """Put rules into the editor in place of what stands there."""
    content = content_of(page.locator(".editor", has=page.locator("textarea[name=rules]")))
    content.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")  # Chromium styles what is typed over a selection; the policy refuses that
    page.keyboard.insert_text(json.dumps(rules, indent=2))


def rule(to: str) -> dict[str, object]:
    return {"name": "Host", "then": [{"do": "replace", "path": "**.hostId", "from": "dev.example", "to": to}]}


def test_a_rule_set_is_written_mended_and_changed(open_page: OpenPage) -> None:
    page, name = open_page("manager", "/rule-sets/new/"), unique("Hosts")
    page.get_by_label("Name").fill(name)
    page.get_by_label("For promotions from").select_option("dev")
    put(page, [{**rule("sit.example"), "them": []}, {"name": "Two", "then": [{"do": "explode"}]}])
    page.get_by_role("button", name="Save the rule set").click()
    problem = page.get_by_role("button", name="[1].then[0].do")
    expect(problem).to_be_visible()
    expect(page.locator(".cm-lintRange-error").first).to_be_visible()
    problem.click()
    expect(page.locator(".cm-content")).to_be_focused()
    put(page, [rule("sit.example")])
    page.get_by_role("button", name="Save the rule set").click()
    expect(sentence(page)).to_have_text('In every event: replace "dev.example" by "sit.example" everywhere in hostId.')
    page.get_by_role("link", name="Edit", exact=True).click()
    put(page, [rule("uat.example")])
    page.get_by_label("Note").fill("For uat.")
    page.get_by_role("button", name="Save version 2").click()
    expect(sentence(page)).to_contain_text("uat.example")
    versions = page.locator("#versions")
    versions.get_by_text("1 rule").click()
    expect(versions.locator(".diff-table").get_by_role("row", name="Changed")).to_contain_text("sit.example")
    with page.expect_download() as started:
        versions.get_by_role("link", name="Download version 1").click()
    assert json.loads(started.value.path().read_text())["set"]["version"] == 1


def sentence(page: Page) -> Locator:
    return page.get_by_role("group", name="Rules of version").get_by_role("row", name="Host").get_by_role("cell").last
