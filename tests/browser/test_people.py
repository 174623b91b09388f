"""What people of each role do besides the main job, and what happens where two of them meet."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import violations, violations_in_both_modes
from tests.browser.conftest import OpenPage
from tests.browser.editor import outgoing, typed, write
from tests.browser.stage import JOB_MS, add_person
from tests.processes import Console

ROLE_CREATED = "net.lightapi.portal.role.RoleCreatedEvent"
TAXONOMY = "net.lightapi.portal.market.TaxonomyCreatedEvent"


@pytest.fixture(scope="module")
def exported(console: Console) -> int:
    """The id of a promotion whose export kept the events of one type, made by the command line."""
    made = console.manage(
        "promotion", "create", "--source=dev", "--target=sit", "--title=Roles", f"--type={ROLE_CREATED}", "--as=manager"
    )
    console.manage("promotion", "export", str(made["id"]), "--as=manager", "--wait")
    return int(made["id"])


@pytest.fixture
def second_manager(console: Console) -> str:
    """The role under which `open_page` finds another release manager."""
    return add_person(console, "second", "release manager")


def test_a_viewer_reads_everything_and_is_offered_no_change(open_page: OpenPage, exported: int) -> None:
    page = open_page("viewer", "/")
    expect(page.get_by_role("link", name="New promotion")).to_have_count(0)
    page.goto(f"/promotions/{exported}/")
    expect(page.get_by_role("heading", name="Roles")).to_be_visible()
    page.get_by_role("link", name="See the events").click()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    page.locator("#rows tbody a").first.click()
    expect(page.get_by_role("button", name=re.compile("Save|Exclude|Undo"))).to_have_count(0)
    expect(page.locator("main .cm-content").first).to_contain_text("roleId")
    page.goto(f"/promotions/{exported}/replay/")
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)


@pytest.mark.parametrize(
    "action", ["export/", "cancel/", "plan/", "plan/force/", "replay/", "events/select/", "uploads/new/"]
)
def test_a_viewer_who_posts_anyway_is_refused(open_page: OpenPage, exported: int, action: str) -> None:
    page = open_page("viewer", f"/promotions/{exported}/")
    path = f"/promotions/{exported}/{action}"
    with page.expect_navigation():
        page.evaluate(
            "path => Object.assign(document.querySelector('form[action*=logout]'), {action: path}).submit()",
            path,
        )
    expect(page.get_by_role("heading", level=1)).to_contain_text("may not")
    expect(page.get_by_text("release manager")).to_be_visible()


def test_a_curator_decides_undecided_types_with_a_reason_and_finds_it_in_the_history(open_page: OpenPage) -> None:
    page = open_page("curator", "/event-types/")
    page.get_by_role("navigation", name="Types by decision").get_by_role("link", name="Undecided").click()
    page.get_by_label("Name or reason").fill("Taxonomy")
    page.get_by_role("button", name="Filter").click()
    rows = page.locator("#rows tbody tr")
    expect(rows.first).to_contain_text("Taxonomy")
    expect(page.get_by_role("button", name="Not promotable")).to_be_disabled()
    count = rows.count()
    page.get_by_label("Select all that are shown").check()
    page.get_by_role("button", name="Not promotable").click()
    expect(page.get_by_label("Reason", exact=True)).to_be_focused()  # the browser asks for it
    expect(page.locator("[data-select-count]")).to_have_text(str(count))  # nothing that was ticked is lost
    page.get_by_label("Reason", exact=True).fill("Each environment has a taxonomy of its own.")
    page.get_by_role("button", name="Not promotable").click()
    expect(page.locator("#messages")).to_contain_text(f"{count} ")
    page.goto(f"/event-types/{TAXONOMY}/")
    history = page.get_by_role("region", name="Decisions").last
    expect(history).to_contain_text("Each environment has a taxonomy of its own.")
    expect(history).to_contain_text("curator")


def test_an_environment_with_a_wrong_port_is_told_at_its_field_and_saved_when_right(
    open_page: OpenPage, console: Console
) -> None:
    sit = console.environments["sit"]
    page = open_page("admin", "/environments/new/")
    page.get_by_label("Name", exact=True).fill("prod")
    page.get_by_label("Place in the pipeline").fill("40")
    page.get_by_label("Bootstrap servers").fill("127.0.0.1:9")
    page.get_by_label("Topic", exact=True).fill(sit["topic"])
    page.get_by_label("Registry URL").fill(sit["registry_url"])
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_role("heading", name="prod is not saved")).to_be_visible(timeout=JOB_MS)
    assert violations_in_both_modes(page) == []
    page.get_by_role("link", name="Edit again").click()
    expect(page.get_by_label("Bootstrap servers")).to_have_accessible_description(re.compile("127.0.0.1:9: no answer"))
    expect(page.get_by_label("Topic", exact=True)).to_have_value(sit["topic"])
    page.get_by_label("Bootstrap servers").fill(sit["bootstrap_servers"])
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_text("Kafka and registry answer.")).to_be_visible(timeout=JOB_MS)


def test_a_choice_unfolds_the_fields_that_it_needs(open_page: OpenPage) -> None:
    page = open_page("admin", "/environments/new/")
    user_name, client_key = page.get_by_label("User name", exact=True), page.get_by_label("Client key", exact=True)
    expect(user_name).to_be_hidden()
    page.get_by_label("Security").select_option("sasl_scram_256")
    expect(user_name).to_be_visible()
    expect(client_key).to_be_hidden()
    page.get_by_label("Security").select_option("mutual_tls")
    expect(client_key).to_be_visible()
    expect(user_name).to_be_visible()
    url = page.get_by_label("Schema registry URL")
    expect(url).to_be_visible()
    page.get_by_label("Schemas from").select_option("set")
    expect(url).to_be_hidden()
    page.get_by_label("Schemas from").select_option("registry")
    expect(url).to_be_visible()
    plain = open_page("admin", "/environments/new/", java_script_enabled=False)
    plain.get_by_text("SASL: user name and password").click()
    expect(plain.get_by_label("User name", exact=True)).to_be_visible()


def test_of_two_who_edit_one_event_the_second_is_told_and_loses_nothing(
    open_page: OpenPage, exported: int, second_manager: str
) -> None:
    first = open_page("manager", f"/promotions/{exported}/events/")
    first.locator("#rows tbody a").first.click()
    second = open_page(second_manager, first.url)
    write(outgoing(first), "Members of", "Friends of")
    first.get_by_role("button", name="Save", exact=True).click()
    expect(first.get_by_role("region", name="Differences").first).to_contain_text("Friends of")
    write(outgoing(second), "Members of", "Foes of")
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_role("heading", level=1)).to_contain_text("Somebody changed event")
    expect(second.get_by_text("manager", exact=True)).to_be_visible()
    expect(typed(outgoing(second))).to_have_value(re.compile("Foes of"))
    expect(second.get_by_role("region", name="Differences").first).to_contain_text("Friends of")
    assert violations(second) == []
    second.get_by_role("button", name="Save mine on top").click()
    expect(second.get_by_role("region", name="Differences").first).to_contain_text("Foes of")
    second.get_by_role("button", name="Undo").click()
    expect(typed(outgoing(second))).to_have_value(re.compile("Friends of"))
    second.get_by_role("button", name="Back to the original").click()
    expect(typed(outgoing(second))).to_have_value(re.compile("Members of"))


def test_an_edited_file_is_reported_before_it_is_applied(open_page: OpenPage, exported: int) -> None:
    page = open_page("manager", f"/promotions/{exported}/")
    page.get_by_role("link", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    lines = download.value.path().read_text().split("\n")
    lines[1] = changed(lines[1], "Changed by file.")
    lines[2] = lines[2][:-20]
    upload(page, exported, lines)
    expect(page.get_by_role("navigation", name="Lines by verdict")).to_contain_text("1")
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("2")
    expect(rows.nth(1)).to_contain_text("Not JSON")
    assert violations_in_both_modes(page) == []
    page.get_by_role("button", name="Apply 1 change").click()
    expect(page.get_by_text("applied", exact=True)).to_be_visible()
    rows.nth(0).get_by_role("link").click()
    expect(typed(outgoing(page))).to_have_value(re.compile("Changed by file."))


def changed(line: str, text: str) -> str:
    event = json.loads(line)
    event["value"]["roleDesc"] = text
    return json.dumps(event)


def upload(page: Page, promotion: int, lines: list[str]) -> None:
    page.goto(f"/promotions/{promotion}/uploads/new/")
    content = "\n".join(lines).encode()
    page.get_by_label("Edited file").set_input_files(
        {"name": "events.jsonl", "mimeType": "application/x-ndjson", "buffer": content}
    )
    page.get_by_role("button", name="Upload and compare").click()
    expect(page.get_by_text("This is what the file would do.")).to_be_visible(timeout=JOB_MS)


def test_the_keyboard_alone_creates_and_exports_a_promotion(open_page: OpenPage) -> None:
    page = open_page("manager", "/promotions/new/")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    press("Enter")
    for _ in range(2):  # past the breadcrumb
        press("Tab")
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.type("By keyboard")
    press("Enter")
    expect(page.get_by_role("heading", name="By keyboard")).to_be_visible()
    expect(page.get_by_role("heading", name="Next: look through")).to_be_visible(timeout=JOB_MS)
