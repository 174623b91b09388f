"""The table that `make bench-pages` prints, as Markdown, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.bench_pages.measure import Times


def table(seen: Sequence[Times]) -> str:
    """A row a page."""
    head = "| page | p50 ms | p95 ms | may take ms | KB with assets | verdict |\n|---|---:|---:|---:|---:|---|"
    rows = [
        f"| {each.page.name}{' (part)' if each.page.htmx else ''} | {each.at(0.5):.0f} | {each.at(0.95):.0f} "
        f"| {each.page.most_ms:,} | {each.weight / 1024:.0f} | {each.verdict} |"
        for each in seen
    ]
    return "\n".join([head, *rows])


def summary(seen: Sequence[Times], events: int) -> str:
    """One sentence, and what is not as it should be."""
    bad = [each for each in seen if each.verdict != "ok"]
    pages = [each for each in seen if each.page.most_ms <= 200]
    slowest = max(pages, key=lambda each: each.at(0.95))
    heaviest = max(seen, key=lambda each: each.weight)
    lines = [
        f"{len(seen)} pages of a promotion of {events:,} events: {len(seen) - len(bad)} are as they should be. "
        f"The slowest one that may take 200 ms takes {slowest.at(0.95):.0f} ms ({slowest.page.name}), the heaviest is "
        f"{heaviest.weight / 1024:.0f} KB ({heaviest.page.name})."
    ]
    lines += [
        f"- {each.page.name}: {each.at(0.95):.0f} ms, {each.weight / 1024:.0f} KB: {each.verdict}" for each in bad
    ]
    return "\n".join(lines)


def document(seen: Sequence[Times], events: int) -> str:
    """Everything as JSON."""
    rows = [
        {"page": each.page.name, "path": each.page.path, "part": each.page.htmx, "p50_ms": round(each.at(0.5), 1),
         "p95_ms": round(each.at(0.95), 1), "most_ms": each.page.most_ms, "bytes": each.weight,
         "verdict": each.verdict}
        for each in seen
    ]  # fmt: skip
    return json.dumps({"events": events, "right": all(each.right for each in seen), "pages": rows}, indent=2)


def page(seen: Sequence[Times], events: int) -> str:
    """The table as a page of docs/."""
    return (
        f"# How long each page takes\n\nWritten by `make bench-pages`: one promotion of {events:,} events, the web "
        "server and PostgreSQL of `make demo`, on two cores. A part is what htmx loads into a page that is there.\n\n"
        f"{summary(seen, events)}\n\n{table(seen)}\n"
    )
