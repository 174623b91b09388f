"""Take the pictures of docs/images/ from a demo that does the main job: `make screenshots`.

Starts a demo of its own under .local/screenshots and ends it; `--ready-file FILE` takes one that runs, freshly seeded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from playwright.sync_api import Page, ViewportSize, sync_playwright  # noqa: E402

from portal_admin.embedded.browser import find_or_install_browser  # noqa: E402

IMAGES = PROJECT / "docs" / "images"
DIRECTORY = PROJECT / ".local" / "screenshots"
SIZE = ViewportSize(width=1280, height=860)
MOST_BYTES = 250_000
START_SECONDS = 300
JOB_MS = 60_000
# The demo ends with this script, however that ends.
ENVIRONMENT = {"PROMOTION_PROFILE": "demo", "PROMOTION_END_WITH_PARENT": "1"}


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", type=Path, help="of a demo that runs")
    named = parser.parse_args().ready_file
    IMAGES.mkdir(parents=True, exist_ok=True)
    if named:
        take(json.loads(named.read_text()))
    else:
        with demo() as ready:
            take(ready)


@contextmanager
def demo() -> Iterator[dict[str, Any]]:
    """Start a new demo; yield what its ready file says; end it."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    file = DIRECTORY / "ready.json"
    DIRECTORY.mkdir(parents=True)
    command = [sys.executable, "manage.py", "demo", f"--dir={DIRECTORY / 'demo'}", f"--ready-file={file}"]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **ENVIRONMENT})
    try:
        deadline = time.monotonic() + START_SECONDS
        while not file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("The demo did not start: see above.")
            time.sleep(0.2)
        yield json.loads(file.read_text())
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(DIRECTORY, ignore_errors=True)


def take(ready: dict[str, Any]) -> None:
    """Do the main job in a browser, with a picture on the way where there is something to see."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    executable = find_or_install_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        page = browser.new_page(viewport=SIZE, base_url=ready["url"], locale="en-GB", reduced_motion="reduce")
        page.set_default_timeout(JOB_MS)
        log_in(page, **ready["accounts"]["manager"])
        promote(page)
        submitted = submit(page)

        def other(role: str) -> Page:
            found = browser.new_page(viewport=SIZE, base_url=ready["url"], locale="en-GB", reduced_motion="reduce")
            found.set_default_timeout(JOB_MS)
            log_in(found, **ready["accounts"][role])
            return found

        approver = other("approver")
        approver.goto(f"{submitted}plan/#approval")
        picture(approver, "approval")
        curator = other("curator")
        curator.goto("/event-types/?met=dev")
        picture(curator, "event-types")
        viewer = other("viewer")
        viewer.goto("/audit/")
        picture(viewer, "audit")
        browser.close()


def export(page: Page, title: str, source: str, target: str) -> str:
    """Create a promotion and export it; return its address."""
    page.goto("/promotions/new/")
    page.get_by_label("Title").fill(title)
    page.get_by_label("From", exact=True).select_option(value=source)
    page.get_by_label("To", exact=True).select_option(value=target)
    if source == "dev":
        page.get_by_role("heading", name="New promotion").wait_for()
        picture(page, "new-promotion")
    page.get_by_role("button", name="Create and export").click()
    page.get_by_role("heading", name="Next: look through").wait_for()
    return page.url


def submit(page: Page) -> str:
    """Plan the next hop to the protected uat and ask for its approval; return the promotion's address."""
    promotion = export(page, "October release", "sit", "uat")
    page.goto(f"{promotion}plan/")
    page.get_by_role("button", name="Make the plan").click()
    page.get_by_role("heading", name="It is ready").wait_for()
    page.get_by_label("What the approvers should know").fill("Tested in sit for a week, tickets 4711 to 4718.")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Waiting for approval").first.wait_for()
    return promotion


def look_at_rules(page: Page, promotion: str) -> None:
    """Draft a rule, look at what it would do, and leave it at that."""
    page.goto(f"{promotion}rules/new/?as=host")
    pair = page.get_by_role("group", name="Host 1")
    host = page.locator("datalist option").evaluate_all(
        "all => all.map(each => each.value).find(each => each.length == 36)"
    )
    pair.get_by_label("From").fill(str(host))
    pair.get_by_label("To").fill("01964b05-sit0-7c4b-9184-6857e7f3dc5f")
    page.get_by_role("button", name="Save in the draft").last.click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("heading", name="What the preview found").wait_for()
    picture(page, "rules")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("heading", name="No rules").wait_for()


def promote(page: Page) -> None:
    """Export, edit, plan, replay."""
    promotion = export(page, "October release", "dev", "sit")
    edit(page, promotion)
    page.goto(promotion)
    picture(page, "promotion")
    look_at_rules(page, promotion)
    page.goto(f"{promotion}plan/")
    page.get_by_role("button", name="Make the plan").click()
    page.get_by_role("heading", name="It is ready").wait_for()
    picture(page, "plan")
    page.goto(f"{promotion}replay/")
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("heading", name="Done: replayed").wait_for()
    page.get_by_role("link", name="See the receipt").click()
    page.get_by_text("Verified: every event is there once").wait_for()
    picture(page, "receipt")
    page.goto("/")
    picture(page, "home")


def edit(page: Page, promotion: str) -> None:
    """Change one event; picture the list and the editor with the difference."""
    page.goto(f"{promotion}events/")
    picture(page, "events")
    page.goto(f"{promotion}events/?field=apiId+%3D+petstore&type=net.lightapi.portal.service.ServiceCreatedEvent")
    page.locator("#rows tbody a").first.click()
    page.locator(".cm-content").last.click()
    page.keyboard.press("Control+a")
    text = page.locator("textarea[name=outgoing]").input_value()
    page.keyboard.insert_text(text.replace("Sells pets and asks", "Sells pets in SIT and asks"))
    page.keyboard.press("Control+s")
    page.locator("#h-differences").wait_for()
    picture(page, "event")


def log_in(page: Page, username: str, password: str) -> None:
    """Through the login page."""
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


def picture(page: Page, name: str) -> None:
    """Write docs/images/NAME.png: what a window of SIZE shows."""
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    file = IMAGES / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    size = file.stat().st_size
    print(f"{file.relative_to(PROJECT)}: {size:,} bytes")  # noqa: T201
    if size > MOST_BYTES:
        sys.exit(f"It is larger than {MOST_BYTES:,} bytes: choose less to show.")


if __name__ == "__main__":
    main()
