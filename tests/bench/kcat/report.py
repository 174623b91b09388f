"""The table, and the page that keeps it: docs/benchmarks.md."""

from __future__ import annotations

from statistics import median

from tests.bench.kcat.results import GROWTH_TARGET, MEMORY_TARGET, WORKS, Results
from tests.jobs.processes import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
#: What stands between the two is written by `make bench ARGS=--write`, all else by people.
BEGIN, END = "<!-- make bench writes from here -->", "<!-- to here -->"
HEADER = ("work", "ours", "peer", "ratio", "target", "verdict")
MEGABYTE = 1024**2
NOT_COMPARED = "–"


def table(results: Results, long: Results | None, notes: list[str]) -> str:
    """Return the table as Markdown; `notes` stand before it."""
    rows = [row for name in WORKS if (row := _work(name, results)) is not None]
    rows += [row for name in WORKS if long is not None and (row := _growth(name, results, long)) is not None]
    for each in (results, long):
        if each is not None and each.memory:
            rows.append(_memory(each))
    rows += [_bytes(name, size) for name, size in results.bytes.items()]
    lines = [_line(HEADER), _line(("---", "---:", "---:", "---:", "---:", "---"))]
    return "\n".join([*(f"- {note}" for note in notes), "", *lines, *map(_line, rows)])


def write(text: str) -> None:
    """Put the table into the page."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def _work(name: str, results: Results) -> tuple[str, ...] | None:
    work, ours, peer, ratio = WORKS[name], results.ours.get(name), results.peer.get(name), results.ratio(name)
    if not ours:
        return None
    theirs = f"{median(peer):.2f} s, {work.peer}" if peer else f"{NOT_COMPARED} {work.peer} is not here"
    return (
        work.title,
        _spread(ours),
        theirs,
        NOT_COMPARED if ratio is None else f"{ratio:.1f}",
        NOT_COMPARED if work.target is None else f"{work.target:g}",
        _verdict(ratio, work.target),
    )


def _growth(name: str, results: Results, long: Results) -> tuple[str, ...] | None:
    if not results.ours.get(name) or not long.ours.get(name):
        return None
    short, more = median(results.ours[name]), median(long.ours[name])
    times = long.events / results.events
    growth, target = more / short, GROWTH_TARGET * times / 4
    return (
        f"{WORKS[name].title}, {long.events:,} events", f"{more:.2f} s", f"{short:.2f} s, ours with {results.events:,}",
        f"{growth:.1f}", f"{target:.1f}", _verdict(growth, target),
    )  # fmt: skip


def _memory(results: Results) -> tuple[str, ...]:
    most = max(results.memory, key=results.memory.__getitem__)
    size = results.memory[most]
    return (
        f"resident memory of a worker, {results.events:,} events", f"{size / MEGABYTE:.0f} MB ({most})",
        NOT_COMPARED, NOT_COMPARED, f"{MEMORY_TARGET / MEGABYTE:.0f} MB", _verdict(size, MEMORY_TARGET),
    )  # fmt: skip


def _bytes(name: str, size: float) -> tuple[str, ...]:
    return (f"bytes in the database for each event {name}", f"{size:,.0f}", *[NOT_COMPARED] * 4)


def _verdict(found: float | None, target: float | None) -> str:
    if found is None or target is None:
        return NOT_COMPARED
    return "reached" if found <= target else "not reached"


def _spread(seconds: list[float]) -> str:
    if len(seconds) == 1:
        return f"{seconds[0]:.2f} s"
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
