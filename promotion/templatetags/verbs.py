"""What an audit entry says that somebody did, in words: in the history of a promotion, and on the audit page."""

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
    "edited together": "edited one field of many events",
    "undo edited together": "undid the edit of many events",
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
    "see sensitive values": "looked at sensitive values",
    "force": "forced events in",
    "unforce": "took forced events back",
    "apply rules": "asked for the rules to be applied",
    "rewrite": "applied the rules",
    "cancel preview of rules": "cancelled the preview of the rules",
    "cancel applying of rules": "cancelled the applying of the rules",
    "watch": "asked for an e-mail when a job ends",
    "unwatch": "wants no more e-mails about it",
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


#: What is done to other things than promotions; where a thing is named, only to it.
TO_OTHERS = {
    ("environment", "create"): "set up the environment",
    ("environment", "create untested"): "set up the environment untested",
    ("environment", "change"): "changed the environment",
    ("environment", "change untested"): "changed the environment untested",
    ("environment", "check"): "had the environment checked",
    ("environment", "rotate keys"): "encrypted the secrets of the environment anew",
    ("environment", "add schemas"): "gave schemas to the environment",
    ("environment", "change schemas"): "changed the schemas of the environment",
    ("event type", "meet"): "met a type that nobody knew",
    ("event type", "decide"): "decided about the event type",
    ("event type", "correct key fields"): "corrected what names the thing",
    ("installation", "load event types"): "loaded the catalogue of event types",
    ("rule set", "save rule set"): "saved a version of the rule set",
    ("rule set", "choose environments"): "chose the environments of the rule set",
    ("rule set", "archive rule set"): "archived the rule set",
    ("rule set", "bring back rule set"): "brought the rule set back",
    ("user", "create"): "made the user",
    ("user", "change"): "changed the user",
    ("user", "change password"): "gave the user another password",
    ("user", "delete"): "deleted the user",
    ("group", "create"): "made the group",
    ("group", "change"): "changed the group",
    ("group", "delete"): "deleted the group",
    ("webhook", "create"): "set up the webhook",
    ("webhook", "switch on"): "switched the webhook on",
    ("webhook", "switch off"): "switched the webhook off",
    ("webhook", "send test"): "sent a test to the webhook",
    ("webhook", "new secret"): "gave the webhook another secret",
    ("webhook", "rotate keys"): "encrypted the secret of the webhook anew",
}
#: Verbs that mean something else for each thing, as a list of verbs calls them.
OF_ANYTHING = {"create": "created", "change": "changed", "delete": "deleted", "plan": "planned, or asked for a plan"}


@register.filter
def said(entry: AuditEntry) -> str:
    """What `entry` says, in the past tense; a verb that is not listed as it stands."""
    if (entry.object_type, entry.verb) in TO_OTHERS:
        return TO_OTHERS[entry.object_type, entry.verb]
    words = ASKED if "job" in (entry.after or {}) else DONE
    return words.get(entry.verb) or DONE.get(entry.verb, entry.verb)


def said_of_anything(verb: str) -> str:
    """What `verb` says where it is not known of what: for a list to choose from."""
    if verb in OF_ANYTHING:
        return OF_ANYTHING[verb]
    of_others = [words for (_, each), words in TO_OTHERS.items() if each == verb]
    return DONE.get(verb) or ASKED.get(verb) or (of_others[0] if of_others else verb)
