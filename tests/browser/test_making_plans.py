"""A plan in the browser: refused, mended, made again; with what a person chooses; and by keyboard alone."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.stage import (
    JOB_MS,
    Exported,
    by_position,
    expect_plan,
    export,
    make_plan,
    records,
    said,
    start_replay,
)
from tests.processes import Console

SERVICES = "service.ServiceCreatedEvent", "service.ServiceUpdatedEvent"
ROLES = "role.RoleCreatedEvent", "role.RoleUpdatedEvent"


def test_a_refused_plan_says_what_to_do_and_the_next_one_says_what_differs(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = export(console, "Services", target, *SERVICES)
    creating, updates = first_that_is_updated(promotion)
    page = open_page("manager", promotion.url_of(creating))
    choose(page, creating)
    page.get_by_role("button", name="Exclude", exact=True).click()
    make_plan(page, promotion)
    expect_plan(page, f"It is refused: nothing of it can go to {target}")
    expect(page.locator(".page-title")).to_contain_text("Refused")
    expect(page.locator("main .card").get_by_role("link", name="Replay")).to_have_count(0)
    held_up = page.get_by_role("region", name="Events that hold it up").get_by_role("listitem")
    expect(held_up).to_have_count(updates)
    expect(held_up.first).to_contain_text("Orphan")
    expect(held_up.first).to_contain_text(f"It would change what is not there: {target} has no such thing")
    expect(held_up.first).to_contain_text("Include the event that creates it, exclude this one, or send it")
    assert violations(page) == []
    page.goto(promotion.url_of(creating))
    choose(page, creating)
    page.get_by_role("button", name="Include", exact=True).click()
    page.get_by_role("link", name="Services").click()
    expect(page.get_by_role("region", name="Next: make a new plan")).to_contain_text("What goes out was changed")
    page.get_by_role("button", name="Make a new plan").click()
    expect_plan(page, f"It is ready: {len(promotion.events):,} events can go to {target}")
    differs = page.get_by_role("region", name="What differs from the plan before")
    expect(differs).to_contain_text(f"{updates + 1} go now and did not before")
    assert violations(page) == []


def first_that_is_updated(promotion: Exported) -> tuple[dict[str, Any], int]:
    """The first event that creates something which later ones change, and how many those are."""
    things = [(each["value"]["hostId"], each["value"]["apiId"]) for each in promotion.events]
    found = next(n for n, thing in enumerate(things) if things.count(thing) > 1)
    return promotion.events[found], things.count(things[found]) - 1


def choose(page: Page, event: dict[str, Any]) -> None:
    page.get_by_role("checkbox", name=f"Select event {event['partition']}:{event['offset']}", exact=True).check()


def test_with_nonces_kept_every_byte_arrives_as_it_was_and_the_page_says_what_was_chosen(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = export(console, "As it was", target, *ROLES)
    page = open_page("manager", f"{promotion.url}plan/")
    page.get_by_role("group", name="Nonces").get_by_label("Keep the source's").check()
    page.get_by_label("In batches").check()
    page.get_by_label("Events a batch").fill("40")
    page.get_by_role("button", name="Make the plan").click()
    count = len(promotion.events)
    expect_plan(page, f"It is ready: {said(count)} can go to {target}")
    expect(page.get_by_role("region", name="This plan")).to_contain_text("40")
    start_replay(page, count, target)
    at_source = by_position(records(console, "dev"))
    arrived = records(console, target)
    assert len(arrived) == count
    for record in arrived:
        source = int(record.headers["promotion.source.partition"]), int(record.headers["promotion.source.offset"])
        assert record.body == at_source[source].body


def test_the_keyboard_alone_makes_a_plan_and_starts_the_replay(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = export(console, "By keyboard", target, "product.ProductCreatedEvent")
    page = open_page("manager", f"{promotion.url}plan/")
    enter_at(page, "button", "Make the plan")
    expect_plan(page, f"It is ready: {said(len(promotion.events))} can go to {target}")
    enter_at(page, "link", f"Replay {said(len(promotion.events))} to {target}")
    expect(page.get_by_role("heading", name=f"Replay to {target}", level=1)).to_be_visible()
    enter_at(page, "button", f"Replay {said(len(promotion.events))} to {target}")
    expect(page.get_by_role("heading", name=f"Done: replayed to {target}")).to_be_visible(timeout=JOB_MS)
    enter_at(page, "link", "See the receipt")
    expect(page.get_by_role("heading", name="Receipt", level=1)).to_be_visible()


def enter_at(page: Page, role: Any, name: str) -> None:
    """Press Tab until the focus is there, then Enter."""
    wanted = page.locator("main").get_by_role(role, name=name, exact=True)
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    page.keyboard.press("Enter")
