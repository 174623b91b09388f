"""What an audit entry says that somebody did, in words, as the history of a promotion tells it."""

from __future__ import annotations

from django import template

from promotion.models import AuditEntry

register = template.Library()

#: Entries of a job that was asked for: a worker does it afterwards.
ASKED = {
    "export": "started the export",
    "reading of what is new": "asked for what is new on the source",
    "plan": "asked for a plan",
    "check of a plan": "asked for a check of the plan",
    "replay": "started the replay",
    "verification": "asked for a verification",
    "upload": "uploaded a file",
    "proposal of amendments": "asked for amendments",
    "preview of rules": "asked for a preview of the rules",
    "applying of rules": "started to apply the rules",
    "import": "had the file read",
}
DONE = {
    "create": "created the promotion",
    "plan": "planned",
    "replayed": "replayed",
    "reconcile": "reconciled the replay",
    "verified": "verified the target",
    "verified in part": "verified the target in part",
    "found faults": "found faults on the target",
    "edited": "edited an event",
    "uploaded": "uploaded an event",
    "undone": "undid a change of an event",
    "back to the original": "took an event back to its original",
    "changed by rules": "changed an event by rules",
    "exclude": "excluded events",
    "include": "included events",
    "apply upload": "applied the uploaded file",
    "discard upload": "discarded the uploaded file",
    "approach": "chose the other approach",
    "amend": "proposed amendments",
    "keep values": "kept the values that stand in an amendment",
    "force": "forced events in",
    "unforce": "took forced events back",
    "apply rules": "asked for the rules to be applied",
    "rewrite": "applied the rules",
    "cancel preview of rules": "cancelled the preview of the rules",
    "cancel applying of rules": "cancelled the applying of the rules",
    "submit": "submitted the plan",
    "approve": "approved the plan",
    "reject": "rejected the plan",
    "withdraw approval": "withdrew an approval",
    "withdraw submission": "withdrew the submission",
    "cancel export": "cancelled the export",
    "cancel import": "cancelled the import",
    "cancel reading of what is new": "cancelled the reading of what is new",
    "cancel plan": "cancelled the making of a plan",
    "cancel check of a plan": "cancelled the check of the plan",
    "cancel replay": "cancelled the replay",
    "cancel verification": "cancelled the verification",
    "cancel proposal of amendments": "cancelled the proposal of amendments",
    "cancel upload": "cancelled the comparison of a file",
}


@register.filter
def said(entry: AuditEntry) -> str:
    """What `entry` about a promotion says, in the past tense; a verb that is not listed as it stands."""
    words = ASKED if "job" in (entry.after or {}) else DONE
    return words.get(entry.verb) or DONE.get(entry.verb, entry.verb)
