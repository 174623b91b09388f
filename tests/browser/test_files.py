"""Files of each format: out of the console, edited outside, in again, and in as a promotion of their own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from portal_admin.embedded.stack import Cluster
from promotion.domain.files.items import Format
from tests.browser.axe import violations
from tests.browser.conftest import OpenPage
from tests.browser.stage import JOB_MS, Exported, add_target, expect_plan, export, said
from tests.processes import Console

DESCRIPTION = re.compile(rb'("roleDesc":(?:\{"string":)?")[^"]*')


@pytest.fixture(scope="module")
def own_target(console: Console, clusters: dict[str, Cluster]) -> str:
    return add_target(console, clusters["sit"])


@pytest.fixture(scope="module")
def promotion(console: Console, own_target: str) -> Exported:
    """Roles of dev, exported for a target of their own."""
    return export(console, "Roles for files", own_target, "role.RoleCreatedEvent", "role.RoleUpdatedEvent")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("form", list(Format))
def test_a_file_is_downloaded_edited_applied_and_imported(
    open_page: OpenPage, promotion: Exported, own_target: str, form: Format
) -> None:
    page = open_page("manager", promotion.url)
    name, content = download(page, form)
    edited = f"edited in a file of {form}"
    content, count = DESCRIPTION.subn(rb"\g<1>" + edited.encode(), content, count=1)
    assert count == 1
    file: FilePayload = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    upload(page, promotion, file)
    page.goto(f"{promotion.url}events/?text={edited.replace(' ', '+')}")
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    bring_in(page, len(promotion.events), file, form, own_target)
    page.goto(f"{page.url.rpartition('plan')[0]}events/?text={edited.replace(' ', '+')}")
    page.locator("#rows tbody a").first.click()
    expect(page.get_by_text(re.compile(r"number \d+ in the file"))).to_be_visible()
    assert violations(page) == []


def download(page: Page, form: Format) -> tuple[str, bytes]:
    """From the promotion's page to the file that the browser saves."""
    page.locator("main .card").get_by_role("link", name="Download").click()
    page.get_by_role("radio", name=f"({form})").check()
    if form is Format.CLOUDEVENTS:
        page.get_by_label("Without union tags").check()
    assert violations(page) == []
    with page.expect_download() as found:
        page.get_by_role("button", name="Download").click()
    return found.value.suggested_filename, found.value.path().read_bytes()


def upload(page: Page, promotion: Exported, file: FilePayload) -> None:
    """Upload the file, look at what it would do, and apply it."""
    page.goto(f"{promotion.url}uploads/new/")
    page.get_by_label("Edited file").set_input_files(file)
    assert violations(page) == []
    page.get_by_role("button", name="Upload and compare").click()
    apply = page.get_by_role("button", name="Apply 1 change")
    expect(apply).to_be_visible(timeout=JOB_MS)
    assert violations(page) == []
    apply.click()
    expect(page.get_by_text("1 event changed")).to_be_visible()


def bring_in(page: Page, count: int, file: FilePayload, form: Format, target: str) -> None:
    """Import the file as a promotion of its own, and make its plan."""
    page.goto("/promotions/")
    page.get_by_role("link", name="Import a file").click()
    page.get_by_label("File of events").set_input_files(file)
    page.get_by_label("Title").fill(f"From {form}")
    page.get_by_label("To", exact=True).select_option(value=target)
    assert violations(page) == []
    page.get_by_role("button", name="Import the file").click()
    expect(page.get_by_role("heading", name=f"Next: look through {said(count)}")).to_be_visible(timeout=JOB_MS)
    expect(page.get_by_role("heading", name="What became of every entry")).to_be_visible()
    assert violations(page) == []
    page.locator("main .card").get_by_role("link", name="Make the plan").click()
    page.get_by_role("button", name="Make the plan").click()
    expect_plan(page, f"It is ready: {said(count)} can go to {target}")
