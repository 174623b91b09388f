"""axe-core: what of WCAG 2.2 AA a program can judge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.processes import ROOT

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: The rules among them that look at colours: a link, too, may be told from the text around it by its colour alone.
OF_COLOURS = ("color-contrast", "link-in-text-block")

#: No colour is on its way to another any more; what moves for ever goes on.
_SETTLE = """() => document.getAnimations()
    .filter(each => each.effect.getComputedTiming().endTime < Infinity)
    .forEach(each => each.finish())"""


@cache
def _source() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, *, sheets: bool = True, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe-core finds on the page as it stands, one line an element; `rules` alone where there are any.

    `sheets`: read the style sheets too. Of Django's admin, whose sheets import others, axe would make inline ones,
    which the page's policy refuses.
    """
    page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(
        "async ([type, values, preload]) =>"
        " (await axe.run(document, {runOnly: {type, values}, resultTypes: ['violations'], preload})).violations",
        ["rule", list(rules), sheets] if rules else ["tag", TAGS, sheets],
    )
    return [
        f"{rule['id']}: {node['target']}: {node.get('failureSummary', '')}" for rule in found for node in rule["nodes"]
    ]


def violations_in_both_modes(page: Page, *, sheets: bool = True) -> list[str]:
    """Return what is found in light, and what dark adds, which is colours alone: the page is the same one."""
    light = violations(page, sheets=sheets)
    page.emulate_media(color_scheme="dark")
    page.evaluate(_SETTLE)
    dark = violations(page, sheets=sheets, rules=OF_COLOURS)
    page.emulate_media(color_scheme="light")
    return [*light, *(f"dark: {each}" for each in dark)]
