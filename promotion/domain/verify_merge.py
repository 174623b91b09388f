"""What was found in some partitions of the target, as bytes: for whoever puts it together with the rest."""

from __future__ import annotations

import json
import zlib
from typing import Any

from promotion.domain.verify import Fault, Findings, Kind


def pack(findings: Findings, lows: dict[int, int]) -> bytes:
    """Return it with `lows`, the first offset that was there by partition; `unpack` gives both back.

    A million steps, each of which was found or not as it happens, take about 200 kB.
    """
    said = {
        "steps": len(findings.seen),
        "counts": findings.counts,
        "faults": [_fault(each) for each in findings.faults],
        "found_at": list(findings.found_at.items()),
        "foreign": findings.foreign,
        "lows": list(lows.items()),
    }
    return zlib.compress(json.dumps(said).encode() + b"\n" + findings.seen, level=1)


def unpack(packed: bytes) -> tuple[Findings, dict[int, int]]:
    """Return the findings and the first offsets that were there. Only what `pack` wrote is read."""
    said, _, seen = zlib.decompress(packed).partition(b"\n")
    read: dict[str, Any] = json.loads(said)
    counts = {Kind(kind): number for kind, number in read["counts"].items()}
    faults = [_to_fault(each) for each in read["faults"]]
    return Findings(seen, counts, faults, dict(read["found_at"]), read["foreign"]), dict(read["lows"])


def _fault(fault: Fault) -> list[Any]:
    return [fault.kind, fault.ordinal, fault.source, fault.target, fault.what]


def _to_fault(said: list[Any]) -> Fault:
    kind, ordinal, source, target, what = said
    return Fault(Kind(kind), ordinal, tuple(source), None if target is None else tuple(target), what)
