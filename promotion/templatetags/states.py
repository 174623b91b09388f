"""How a state looks: its tone, its icon and its word. A state nobody listed is shown plainly, by its own name."""

from typing import NamedTuple


class Look(NamedTuple):
    """`tone` is a data-tone of the style sheet, `icon` a symbol of static/icons.svg, `label` the word beside it."""

    tone: str
    icon: str
    label: str


def look_of(state: object) -> Look:
    """The look of a state: a string or a member of a TextChoices, whose own label wins."""
    value = str(getattr(state, "value", state) or "").lower()
    tone, icon = _LOOKS.get(value, ("neutral", "dot"))
    label = getattr(state, "label", None) or value.replace("_", " ").capitalize() or "Unknown"
    return Look(tone, icon, str(label))


_RUNS = ("info", "spinner")
_DONE = ("success", "check")
_ASKS = ("warn", "clock")
_WARNS = ("warn", "warning")
_FAILS = ("error", "error")
_ENDS = ("neutral", "ban")

_LOOKS: dict[str, tuple[str, str]] = {
    # promotions, plans and jobs
    "draft": ("neutral", "document"),
    "queued": ("neutral", "clock"),
    "running": _RUNS,
    "exporting": _RUNS,
    "exported": _DONE,
    "export_failed": _FAILS,
    "export_cancelled": _ENDS,
    "importing": _RUNS,
    "import_failed": _FAILS,
    "rewriting": _RUNS,
    "amending": _RUNS,
    "planning": _RUNS,
    "planned": ("accent", "list"),
    "ready": _DONE,
    "submitted": _ASKS,
    "approved": ("success", "shield"),
    "rejected": _FAILS,
    "replaying": _RUNS,
    "started": _RUNS,
    "replayed": _DONE,
    "partly_replayed": _WARNS,
    "replay_failed": _FAILS,
    "verifying": _RUNS,
    "verified": ("success", "shield"),
    "succeeded": _DONE,
    "refused": ("error", "ban"),
    "failed": _FAILS,
    "cancelled": _ENDS,
    "archived": ("neutral", "archive"),
    "incomplete": _WARNS,
    "approve": ("success", "shield"),
    "reject": _FAILS,
    "withdraw": _ENDS,
    "stale": _WARNS,
    "expired": _WARNS,
    "superseded": ("neutral", "archive"),
    "open": _RUNS,
    "committed": _DONE,
    "aborted": _ENDS,
    # environments
    "ok": _DONE,
    "untested": _WARNS,
    "unreachable": _FAILS,
    # records and events
    "imported": _DONE,
    "repeated": ("neutral", "equal"),
    "left_out": _ENDS,
    "unchanged": ("neutral", "equal"),
    "unknown": _WARNS,
    "duplicate": _WARNS,
    "kept": _DONE,
    "included": _DONE,
    "excluded": _ENDS,
    "filtered": ("neutral", "filter"),
    "derived": ("neutral", "layers"),
    "tombstones": ("neutral", "x"),
    "quarantined": _WARNS,
    "edit": ("accent", "edit"),
    "edited": ("accent", "edit"),
    "together": ("accent", "edit"),
    "upload": ("accent", "upload"),
    "rules": ("accent", "layers"),
    "undo": ("neutral", "undo"),
    "original": ("neutral", "undo"),
    # differences and plans
    "new": ("new", "plus"),
    "changed": ("warn", "edit"),
    "removed": ("error", "minus"),
    "same": ("neutral", "equal"),
    "already_promoted": ("neutral", "history"),
    "conflict": _WARNS,
    "invalid": _FAILS,
    "orphan": _WARNS,
    "forced": ("accent", "flag"),
    "added": ("new", "plus"),
    "dropped": ("neutral", "minus"),
    # event types
    "promotable": _DONE,
    "not_promotable": _ENDS,
    "undecided": _WARNS,
    "configurable": ("info", "settings"),
    "transactional": ("neutral", "history"),
}
