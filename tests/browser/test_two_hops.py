"""What came from dev goes on from sit to uat, which is protected: nobody acts alone, and the origin stays dev."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.consumer import Seen
from tests.browser.stage import (
    JOB_MS,
    Exported,
    add_person,
    bring,
    by_position,
    expect_plan,
    export,
    make_plan,
    records,
    said,
    start_replay,
)
from tests.processes import Console

ROLES = "role.RoleCreatedEvent", "role.RoleUpdatedEvent"
WHY, SEEN = "Release 1 was tested on sit.", "Compared with the test report."


@pytest.fixture
def lead(console: Console) -> str:
    """Somebody who may do both: ask for a promotion, and approve those of other people."""
    return add_person(console, "lead", "release manager", "approver")


@pytest.fixture
def on_sit(console: Console) -> None:
    """dev's roles are on sit, brought by a promotion: this one, unless there was one before."""
    bring(export(console, "First hop", "sit", *ROLES))


@pytest.fixture
def second_hop(console: Console, on_sit: None, lead: str) -> Exported:
    return export(console, "Second hop", "uat", *ROLES, source="sit", owner=lead)


def test_two_people_bring_events_from_sit_to_uat_and_their_origin_stays_dev(
    open_page: OpenPage, console: Console, second_hop: Exported, lead: str
) -> None:
    count = len(second_hop.events)
    assert count > 0
    asking, approving = open_page(lead), open_page("approver", "/approvals/")
    make_plan(asking, second_hop)
    expect_plan(asking, "It is ready to be submitted")
    asking.get_by_label("What the approvers should know").fill(WHY)
    asking.get_by_role("button", name=f"Submit {said(count)} for approval").click()
    expect(asking.get_by_role("heading", name="It waits for approval")).to_be_visible()
    assert_nobody_approves_what_they_asked_for(asking, second_hop)
    approve(approving, count)
    asking.goto(f"{second_hop.url}plan/")
    expect_plan(asking, f"It is approved: {said(count)} can go to uat")
    start_replay(asking, count, "uat")
    assert_the_receipt_names_who_approved_what(asking, console, second_hop)
    assert_origin_is_dev_and_the_last_hop_sit(console, count)


def assert_nobody_approves_what_they_asked_for(page: Page, promotion: Exported) -> None:
    """Not offered, and refused where it is asked for all the same; the queue says who could."""
    approval = page.get_by_role("region", name="Approval", exact=True)
    expect(approval).to_contain_text("lead submitted this plan: nobody approves what they asked for or edited")
    expect(approval.get_by_role("button", name="Approve")).to_have_count(0)
    action = page.locator("form[action$='/withdraw/']").get_attribute("action")
    assert action is not None
    with page.expect_navigation():
        page.evaluate(FORGED, action.replace("/withdraw/", "/approve/"))
    expect(page.get_by_text("lead submitted this plan: nobody approves").first).to_be_visible()
    assert violations(page) == []
    page.goto("/approvals/")
    expect(page.get_by_role("region", name="Waiting for you")).not_to_contain_text("Second hop")
    mine = page.get_by_role("region", name="Your requests").get_by_role("listitem").filter(has_text="Second hop")
    expect(mine).to_contain_text("Who could approve: admin, approver")


FORGED = """action => {
  const form = document.querySelector("form[action$='/withdraw/']");
  const given = {typed_name: "uat", reason: "Mine is good.", digest: "0"};
  for (const [name, value] of Object.entries(given)) {
    const input = form.elements[name] ?? form.appendChild(Object.assign(document.createElement("input"), {name}));
    input.value = value;
  }
  form.action = action;
  form.submit();
}"""


def approve(page: Page, count: int) -> None:
    """The approver finds it in the queue, types the target's name and says why."""
    page.reload()
    waiting = page.get_by_role("region", name="Waiting for you").get_by_role("listitem").filter(has_text="Second hop")
    expect(waiting).to_contain_text(WHY)
    waiting.get_by_role("link", name="Second hop").click()
    button = page.get_by_role("button", name=f"Approve {said(count)} to uat")
    expect(button).to_be_disabled()
    page.get_by_label("Type uat to approve").fill("uat")
    page.get_by_role("region", name="Approval", exact=True).get_by_label("Reason", exact=True).first.fill(SEEN)
    button.click()
    expect(page.get_by_text(f"The plan is approved: {count:,} events may go to uat.")).to_be_visible()
    assert violations(page) == []


def assert_the_receipt_names_who_approved_what(page: Page, console: Console, promotion: Exported) -> None:
    page.get_by_role("link", name="See the receipt").click()
    approvals = page.get_by_role("region", name="Approvals")
    expect(approvals).to_contain_text("approver")
    expect(approvals).to_contain_text(SEEN)
    expect(page.get_by_text("Verified: every event is there once")).to_be_visible(timeout=JOB_MS)
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    receipt = json.loads(download.value.path().read_text())
    approval = console.manage("promotion", "show", str(promotion.number))["plan"]
    assert receipt["digest"] == approval["digest"]
    assert [(each["by"], each["verdict"], each["reason"]) for each in receipt["approvals"]] == [
        ("approver", "approve", SEEN)
    ]


def assert_origin_is_dev_and_the_last_hop_sit(console: Console, count: int) -> None:
    on_dev, on_sit = by_position(records(console, "dev")), by_position(records(console, "sit"))
    on_uat = records(console, "uat")
    assert len(on_uat) == count
    for record in on_uat:
        for hop, environment, there in (("origin", "dev", on_dev), ("source", "sit", on_sit)):
            says = {name.rpartition(".")[2]: value.decode() for name, value in headers(record, hop).items()}
            before = there[int(says["partition"]), int(says["offset"])]
            assert says["environment"] == environment
            assert says["topic"] == console.environments[environment]["topic"]
            assert says["sha256"] == sha256(before.value or b"").hexdigest()
            assert record.key == before.key


def headers(record: Seen, hop: str) -> dict[str, Any]:
    return {name: value for name, value in record.headers.items() if name.startswith(f"promotion.{hop}.")}
