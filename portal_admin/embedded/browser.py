"""The browser for the tests: an installed one, else Playwright's own, else the system's package where that may be."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import sync_playwright

from portal_admin.embedded.errors import EmbeddedError
from portal_admin.embedded.terminal import say

_NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome")
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_INSTALL_SECONDS = 600


def find_browser() -> Path | None:
    """A Chromium or Chrome that starts: PROMOTION_BROWSER, else an installed one, else Playwright's own."""
    named = os.environ.get("PROMOTION_BROWSER")
    installed = (shutil.which(name) for name in (*_NAMES, *_MAC))
    return _first_that_starts(path for path in (named, *installed, _playwrights_own()) if path)


def find_or_install_browser() -> Path:
    """As `find_browser`, after an installation if need be. Raises EmbeddedError with what to do."""
    browser = find_browser()
    if not browser:
        say("No Chromium or Chrome is installed: fetching Playwright's ...")
        _run([sys.executable, "-m", "playwright", "install", "chromium"])
        browser = find_browser()
    if not browser and os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing the system's Chromium ...")
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium"])
        browser = find_browser()
    if not browser:
        raise EmbeddedError(
            "The tests need Chromium or Chrome, none is here, and none could be installed.",
            "Install one with the system's package manager, or name one in PROMOTION_BROWSER.",
        )
    return browser


def _first_that_starts(paths: Iterable[str]) -> Path | None:
    """The first that can say its version: a browser may be there while its libraries are not."""
    for path in paths:
        try:
            if subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0:
                return Path(path)
        except (OSError, subprocess.TimeoutExpired):
            continue
    return None


def _playwrights_own() -> str:
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _run(command: list[str]) -> None:
    """Run an installer whose output people see. Whether it helped is seen afterwards."""
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"{command[0]}: {error}")
