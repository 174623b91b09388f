"""axe-core: what of WCAG 2.2 AA a program can judge."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.processes import ROOT

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _source() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, *, sheets: bool = True) -> list[str]:
    """Return what axe-core finds on the page as it stands, one line an element.

    `sheets`: read the style sheets too. Of Django's admin, whose sheets import others, axe would make inline ones,
    which the page's policy refuses.
    """
    page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(
        "async ([tags, preload]) =>"
        " (await axe.run(document, {runOnly: tags, resultTypes: ['violations'], preload})).violations",
        [TAGS, sheets],
    )
    return [
        f"{rule['id']}: {node['target']}: {node.get('failureSummary', '')}" for rule in found for node in rule["nodes"]
    ]


def violations_in_both_modes(page: Page) -> list[str]:
    """Return what is found in light, then in dark, of a page that only a story leads to; its mode is light again."""
    page.emulate_media(color_scheme="dark")
    dark = violations(page)
    page.emulate_media(color_scheme="light")
    return [*violations(page), *(f"dark: {each}" for each in dark)]
