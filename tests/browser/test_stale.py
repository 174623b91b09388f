"""A plan that no longer fits, and things that somebody else changed on the target."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Producer
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.consumer import Seen
from tests.browser.editor import outgoing, write
from tests.browser.stage import (
    add_person,
    edit,
    expect_plan,
    export,
    records,
    registry,
    replay,
    said,
    start_replay,
)
from tests.processes import Console

ROLES = "role.RoleCreatedEvent"


def test_an_edit_makes_the_plan_stale_and_one_button_makes_a_new_one(
    open_page: OpenPage, console: Console, target: str
) -> None:
    promotion = export(console, "Stale", target, ROLES, "role.RoleUpdatedEvent")
    count = len(promotion.events)
    console.manage("promotion", "plan", str(promotion.number), "--as=manager")
    page = open_page("manager", f"{promotion.url}plan/")
    expect_plan(page, f"It is ready: {said(count)} can go to {target}")
    colleague = open_page(add_person(console, "second", "release manager"), promotion.url_of(promotion.events[0]))
    colleague.locator("#rows tbody a").first.click()
    write(outgoing(colleague), "Members of", "Friends of")
    colleague.get_by_role("button", name="Save", exact=True).click()
    expect(colleague.get_by_role("region", name="Differences").first).to_contain_text("Friends of")
    page.get_by_role("link", name=f"Replay {said(count)} to {target}").click()  # the page does not know yet
    expect(page.get_by_text("The plan no longer fits.")).to_be_visible()
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    page.get_by_role("link", name="See the plan").click()
    expect(page.locator(".page-title")).to_contain_text("Stale")
    expect(page.get_by_role("region", name="It no longer fits")).to_contain_text("What goes out was changed: an edit")
    assert violations(page) == []
    page.get_by_role("button", name="Make a new plan").click()
    expect_plan(page, f"It is ready: {said(count)} can go to {target}")
    differs = page.get_by_role("region", name="What differs from the plan before")
    expect(differs).to_contain_text("1 goes as another record")


def test_what_somebody_else_changed_on_the_target_is_a_conflict_until_a_person_says_why_it_may_go(
    open_page: OpenPage, console: Console, target: str
) -> None:
    first = export(console, "First", target, ROLES)
    replay(first)
    second = export(console, "Second", target, ROLES)
    wanted = second.events[0]
    edit(second, wanted, roleDesc="What dev says.")
    console.manage("promotion", "plan", str(second.number), "--as=manager")
    page = open_page("manager", f"{second.url}plan/")
    expect_plan(page, f"It is ready: 1 event can go to {target}")
    promoted = next(each for each in records(console, target) if describes(console, target, each, wanted))
    change_it_there(console, target, promoted, roleDesc="What somebody did by hand.")
    see_that_it_no_longer_fits(page, target)
    assert_conflict_with_both_sides(page, target)
    send_all_the_same(page, "It was a test, dev is right.")
    expect_plan(page, f"It is ready: 1 event can go to {target}")
    expect(page.get_by_role("region", name="What becomes of")).to_contain_text("1 forced")
    start_replay(page, 1, target)
    last = max(records(console, target), key=lambda each: (each.partition == promoted.partition, each.offset))
    assert value(console, target, last)["roleDesc"] == "What dev says."


def describes(console: Console, target: str, record: Seen, event: dict[str, Any]) -> bool:
    there, wanted = value(console, target, record), event["value"]
    return all(there[name] == wanted[name] for name in ("hostId", "roleId"))


def value(console: Console, target: str, record: Seen) -> dict[str, Any]:
    decoded = registry(console, target).decode(record)
    assert decoded is not None
    return decoded[1]


def change_it_there(console: Console, target: str, record: Seen, **fields: Any) -> None:
    """Write an event to the target as anybody could: the same type and key, no headers of ours."""
    changed = registry(console, target).encode(record.schema_id, value(console, target, record) | fields)
    place = console.environments[target]
    producer = Producer({"bootstrap.servers": place["bootstrap_servers"], "partitioner": "murmur2_random"})
    producer.produce(place["topic"], changed, record.key)
    assert producer.flush(30) == 0


def see_that_it_no_longer_fits(page: Page, target: str) -> None:
    """Have a worker read what is new on the target; then the one button."""
    page.get_by_role("button", name="See whether it still fits").click()
    expect_plan(page, "It no longer fits")
    expect(page.get_by_role("region", name="It no longer fits")).to_contain_text(
        "is about a thing that the plan changes"
    )
    page.get_by_role("button", name="Make a new plan").click()
    expect_plan(page, f"It is refused: nothing of it can go to {target}")


def assert_conflict_with_both_sides(page: Page, target: str) -> None:
    held_up = page.get_by_role("region", name="Events that hold it up").get_by_role("listitem")
    expect(held_up).to_have_count(1)
    expect(held_up).to_contain_text("Conflict")
    expect(held_up).to_contain_text(f"Somebody else changed this on {target} after it was last promoted")
    page.get_by_role("link", name="See all of them").click()
    page.get_by_text("1 field changes").click()
    change = page.get_by_role("row", name="roleDesc")
    expect(change.get_by_role("cell").nth(0)).to_have_text('"What somebody did by hand."')
    expect(change.get_by_role("cell").nth(1)).to_have_text('"What dev says."')
    assert violations(page) == []


def send_all_the_same(page: Page, reason: str) -> None:
    """Not without a reason; with one it takes a new plan."""
    page.get_by_role("checkbox", name="Select event").check()
    page.get_by_role("button", name="Send all the same", exact=True).click()
    expect(page.get_by_label("Reason (mandatory)")).to_be_focused()  # the browser asks for it
    page.get_by_label("Reason (mandatory)").fill(reason)
    page.get_by_role("button", name="Send all the same", exact=True).click()
    expect(page.get_by_text("1 event will be sent all the same.")).to_be_visible()
    page.get_by_role("button", name="Make a new plan").click()
