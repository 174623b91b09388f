"""What the page of a promotion says where its events come from a file."""

from __future__ import annotations

from typing import Any

from promotion.actions.import_file import imported_file
from promotion.forms.imports import ImportAgainForm
from promotion.models import Promotion
from promotion.states import Disposition, Origin, PromotionState

#: What became of a file's entries is told in the words of an export, but for these.
_LABELS: dict[str, str] = {
    Disposition.FILTERED: "Repeated, or only excluded",
    Disposition.QUARANTINED: "Invalid",
}


def import_facts(promotion: Promotion) -> dict[str, Any]:
    """Return what the page needs to know of the file: `imported` is None where there is none."""
    file = imported_file(promotion)
    found: dict[str, Any] = {"imported": file}
    if file is not None and promotion.state == PromotionState.IMPORT_FAILED:
        found |= {"kept_file": file.chunks.exists(), "again": ImportAgainForm()}
    return found


def dispositions(promotion: Promotion) -> list[tuple[Disposition, str]]:
    """Return what may become of a record of the promotion's source, and what that is called there."""
    if promotion.origin != Origin.FILE:
        return [(each, each.label) for each in Disposition]
    return [(each, _LABELS.get(each, each.label)) for each in Disposition if each != Disposition.TOMBSTONES]
