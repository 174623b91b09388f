"""What has drifted, the range that is picked on a picture, and promoting again: on the pages, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.stage import JOB_MS, export, replay
from tests.processes import Console

LOOK = "from promotion.actions import drift, survey; survey.survey_all(); drift.drift_all()"
ROLE = "role.RoleCreatedEvent"
NEW = "/promotions/new/?source=dev&target=sit&title=A+range"


@pytest.fixture
def looked(console: Console) -> None:
    """The topics were looked at, as the periodic process does it by itself."""
    console.manage("shell", "--no-imports", "-v0", "-c", LOOK)


def bars(page: Page) -> list[dict[str, int]]:
    found: list[dict[str, Any]] = page.locator("g.bar").evaluate_all("all => all.map(each => ({...each.dataset}))")
    return [{name: int(value) for name, value in each.items()} for each in found]


def typed(page: Page, label: str) -> int | None:
    """What a field of the range holds, in milliseconds."""
    value = page.get_by_label(label).input_value()
    return int(page.evaluate("text => Date.parse(text + 'Z')", value)) if value else None


def range_of(page: Page) -> tuple[int | None, int | None]:
    return typed(page, "From this time on"), typed(page, "Before this time")


def says(page: Page) -> Locator:
    return page.locator("output")


def offsets(count: int, total: int) -> str:
    return f"{count:,} of {total:,} offsets in this range."


def test_a_range_is_picked_by_keyboard_and_its_events_are_exported(open_page: OpenPage, looked: None) -> None:
    page = open_page("manager", NEW)
    drawn = bars(page)
    assert len(drawn) > 20
    total = sum(each["count"] for each in drawn)
    expect(says(page)).to_have_text(offsets(total, total))
    assert range_of(page) == (None, None)
    page.get_by_label("First bar of the range").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    first, last = 10, len(drawn) - 21
    assert range_of(page) == (drawn[first]["start"], drawn[last]["end"])
    expect(says(page)).to_have_text(offsets(sum(each["count"] for each in drawn[first : last + 1]), total))
    expect(page.get_by_label("First bar of the range")).to_have_attribute("aria-valuetext", re.compile("from .* UTC"))
    expect(page.locator("g.bar.out")).to_have_count(first + 20)
    assert violations(page) == []
    page.get_by_role("button", name="Create and export").click()
    expect(page.get_by_role("heading", name=re.compile("^Next: look through"))).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_text("From this time on")).to_be_visible()


def test_a_range_is_picked_by_mouse_and_follows_what_is_typed(open_page: OpenPage, looked: None) -> None:
    page = open_page("manager", NEW)
    drawn = bars(page)
    box = page.locator(".histogram svg").bounding_box()
    assert box is not None
    width = box["width"] / len(drawn)
    page.mouse.move(box["x"] + 5.5 * width, box["y"] + 20)
    page.mouse.down()
    assert range_of(page) == (drawn[5]["start"], drawn[5]["end"])
    page.mouse.move(box["x"] + 3.5 * width, box["y"] + 40)
    page.mouse.up()
    page.mouse.move(box["x"] + 9.5 * width, box["y"] + 40)
    assert range_of(page) == (drawn[3]["start"], drawn[5]["end"])
    page.get_by_label("Before this time").fill("")
    expect(page.get_by_label("Last bar of the range")).to_have_value(str(len(drawn) - 1))
    expect(page.locator("g.bar.out")).to_have_count(3)
    halfway = drawn[7]["start"] + (drawn[7]["end"] - drawn[7]["start"]) // 2
    page.get_by_label("From this time on").fill(
        page.evaluate("ms => new Date(ms).toISOString().slice(0, 19)", halfway - halfway % 1000)
    )
    expect(page.get_by_label("First bar of the range")).to_have_value("7")
    expect(says(page)).to_have_text(re.compile("^At most "))


def test_another_source_brings_its_own_picture(open_page: OpenPage, looked: None) -> None:
    page = open_page("manager", NEW)
    expect(page.locator(".histogram svg")).to_have_attribute("aria-label", re.compile("came to dev"))
    page.get_by_label("From", exact=True).select_option(label="uat (protected)")
    expect(page.locator("#histogram")).to_contain_text("uat")
    expect(page.locator("#histogram")).not_to_contain_text("dev")
    page.get_by_label("From", exact=True).select_option(label="dev")
    page.get_by_label("First bar of the range").press("ArrowRight")
    assert typed(page, "From this time on") == bars(page)[1]["start"]


def test_what_has_drifted_is_one_click_from_the_form(open_page: OpenPage, looked: None) -> None:
    page = open_page("manager", "/")
    assert violations(page) == []
    page.locator("a[href='/drift/sit/uat/'], a[href='/drift/dev/sit/']").first.click()
    heading = page.get_by_role("heading", name=re.compile("^In dev, not in sit"))
    expect(heading).to_be_visible()
    expect(
        page.get_by_role("link", name="Promote these").or_(
            page.get_by_text(re.compile("^(sit is up to date|Nothing new in dev since)"))
        )
    ).to_be_visible()
    if page.get_by_role("link", name="Promote these").count():  # another test may have promoted everything before
        rows = page.locator("table.bar-table tbody td.number").all_inner_texts()
        total = sum(int(text.replace(",", "")) for text in rows)
        expect(page.get_by_role("heading", name=f"{total:,} events in dev, not in sit")).to_be_visible()
        page.get_by_role("link", name="Promote these").click()
        expect(page.get_by_label("From", exact=True)).to_have_value("dev")
        expect(page.get_by_label("To", exact=True)).to_have_value("sit")
        expect(page.get_by_label("Title")).to_have_value(re.compile("^dev to sit, "))


def test_a_promotion_that_has_ended_is_promoted_again_from_where_it_ended(
    open_page: OpenPage, console: Console, target: str
) -> None:
    done = export(console, "Roles", target, ROLE)
    replay(done)
    console.manage("promotion", "verify", str(done.number))
    console.manage("shell", "--no-imports", "-v0", "-c", LOOK)
    page = open_page("manager", "/")
    way = page.locator(".edge").filter(has=page.locator(f"a[href='/drift/dev/{target}/']"))
    expect(way).to_contain_text(f"Nothing new in dev since #{done.number}")
    expect(way).to_contain_text(f"#{done.number} Roles")
    expect(way).to_contain_text("It took only some types")
    page.get_by_role("link", name=f"Promote again what came after #{done.number} Roles").click()
    expect(page.get_by_label("Title")).to_have_value("Again: Roles")
    expect(page.get_by_label("To", exact=True)).to_have_value(target)
    expect(page.get_by_label("RoleCreatedEvent")).to_be_checked()
    expect(page.get_by_role("textbox", name="Offsets")).to_have_value(re.compile(r"^0:\d+-\n1:\d+-"))
    page.get_by_role("button", name="Create and export").click()
    expect(page.get_by_role("heading", name="Nothing to promote")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_role("heading", name="Again: Roles")).to_be_visible()


def test_home_changes_by_itself_and_keeps_the_focus(open_page: OpenPage, console: Console, looked: None) -> None:
    page = open_page("manager", "/")
    link = page.get_by_role("link", name="All promotions").or_(page.get_by_role("link", name="New promotion")).last
    link.focus()
    before = page.locator("#live").evaluate("live => (live.here = 1)")
    console.manage("promotion", "create", "--source=dev", "--target=sit", "--title=By somebody else", "--as=manager")
    expect(page.get_by_role("link", name=re.compile("By somebody else")).first).to_be_visible()
    assert before == 1
    expect(link).to_be_focused()
    page.locator("#live").evaluate("live => (live.here = 2)")
    with page.expect_response(lambda answer: answer.status == 204):
        pass
    assert page.locator("#live").evaluate("live => live.here") == 2  # nothing new: nothing was swapped
