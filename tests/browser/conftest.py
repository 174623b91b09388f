"""A real browser on a real console. Whatever a page complains about fails its test.

Everything here lives as long as this directory's tests: Playwright's loop in the main thread would keep Django's ORM
from working in the tests of other directories.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from portal_admin.embedded.browser import find_or_install_browser
from portal_admin.embedded.stack import Cluster
from tests.browser.stage import add_target
from tests.browser.watch import Watch
from tests.processes import ROOT, Console, open_console
from tests.services import Services, beside

ARTIFACTS = ROOT / ".local" / "test-artifacts"
WAIT_MS = 15_000
#: A browser that only does what it is told: no updates, no metrics, no look-ups.
ARGUMENTS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
OpenPage = Callable[..., Page]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Let fixtures know at their end how the test went."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


_failed = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def console(
    services: Services, clusters: dict[str, Cluster], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """The console with the demo's story on dev's topic: nothing exported, nothing on sit's."""
    directory, valkey_url = tmp_path_factory.mktemp("console"), beside(os.environ["VALKEY_URL"])
    console = open_console(directory, os.environ["DATABASE_URL"], valkey_url, clusters)
    yield console
    console.stop()


@pytest.fixture
def target(console: Console, clusters: dict[str, Cluster]) -> str:
    """The name of an environment with an empty topic that is this test's alone."""
    return add_target(console, clusters["sit"])


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    arguments = ARGUMENTS if os.geteuid() else [*ARGUMENTS, "--no-sandbox"]
    executable = find_or_install_browser()  # before Playwright runs, since it may ask Playwright too
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def login_states(browser: Browser, console: Console) -> Callable[[str], Path]:
    """Return the file with a role's cookies, after a login through the page at first use."""
    directory = console.directory

    def state(role: str) -> Path:
        file = directory / f"state-{role}.json"
        if not file.exists():
            context = browser.new_context(base_url=console.url)
            page = context.new_page()
            page.goto("/accounts/login/")
            log_in(page, console, role)
            context.storage_state(path=file)
            context.close()
        return file

    return state


def log_in(page: Page, console: Console, role: str) -> None:
    """Fill in the login page that is shown, as the account of `role`, and wait for what follows."""
    account = console.accounts[role]
    page.get_by_label("Username").fill(account["username"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


@pytest.fixture
def open_page(
    browser: Browser, console: Console, login_states: Callable[[str], Path], request: pytest.FixtureRequest
) -> Iterator[OpenPage]:
    """Opens a page as somebody: `open_page("manager", "/promotions/", color_scheme="dark")`.

    Each call is a window with cookies of its own; None is a visitor who has not logged in. At the end a complaint of
    any page fails the test, and of a failed test the pages' pictures and traces are kept.
    """
    watch = Watch()
    contexts: list[BrowserContext] = []

    def open_page(role: str | None, path: str = "/", **options: object) -> Page:
        state = login_states(role) if role else None
        context = browser.new_context(
            base_url=console.url, storage_state=state, **{"viewport": {"width": 1280, "height": 900}, **options}
        )
        context.set_default_timeout(WAIT_MS)
        context.tracing.start(snapshots=True)
        contexts.append(context)
        watch.over(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    failed = request.node.stash.get(_failed, True) or bool(watch.complaints)
    for number, context in enumerate(contexts):
        _close(context, ARTIFACTS / f"{_file_name(request.node.name)}-{number}" if failed else None)
    if failed:
        print(console.logs())  # noqa: T201 - pytest shows it where a test failed
    assert not watch.complaints, "\n".join(watch.complaints)


def _close(context: BrowserContext, artifact: Path | None) -> None:
    """Close the window; keep its picture and trace where `artifact` says."""
    if artifact is None:
        context.tracing.stop()
    else:
        artifact.parent.mkdir(parents=True, exist_ok=True)
        for page in context.pages:
            with suppress(PlaywrightError):
                page.screenshot(path=artifact.with_suffix(".png"), full_page=True, timeout=5_000)
        context.tracing.stop(path=artifact.with_suffix(".zip"))
    context.close()


def _file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name)[:100]
