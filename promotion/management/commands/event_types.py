"""`manage.py event_types load | list | decide | keys | sensitive`: the catalogue, for scripts (docs/automation.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from promotion.actions import curate, key_fields, load_event_types, sensitive_fields
from promotion.errors import InvalidInput
from promotion.management.base import Answer, JsonCommand, actor, add_common
from promotion.models import EventType, ExportCount
from promotion.states import Category, Decision


class Command(JsonCommand):
    """Loads the table from schemas/, lists it, and decides about types."""

    help = "Load, list and decide which event types travel."

    def add_subcommands(self, subparsers: Any) -> None:
        """Add load, list, decide, keys and sensitive."""
        load = subparsers.add_parser("load", help="Fill the table from the schemas; decides nothing.")
        load.add_argument("--dir", type=Path, default=None, help="Instead of PROMOTION_SCHEMAS_DIR.")
        add_common(load)
        load.set_defaults(handler=_load)
        listing = subparsers.add_parser("list", help="List the types.")
        _add_decisions(listing, required=False)
        listing.add_argument("--proposed", choices=Category.values, default="", help="Only those proposed so.")
        add_common(listing)
        listing.set_defaults(handler=_list)
        _add_decide(subparsers.add_parser("decide", help="Decide about types, all or none."))
        _add_keys(subparsers.add_parser("keys", help="Correct which fields name the thing, all or none."))
        _add_sensitive(subparsers.add_parser("sensitive", help="Correct which fields are masked, all or none."))


def _add_decide(parser: ArgumentParser) -> None:
    _add_decisions(parser, required=True)
    parser.add_argument("--reason", required=True, help="Why; it is kept with the decision.")
    parser.add_argument(
        "--proposed", choices=Category.values, default="", help="All of the catalogue proposed so and still undecided."
    )
    parser.add_argument("names", nargs="*", metavar="FULLNAME")
    add_common(parser, user=True)
    parser.set_defaults(handler=_decide)


def _add_keys(parser: ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--fields", metavar="PATH,PATH", help="The key fields in order; '' for events judged alone.")
    group.add_argument("--proposed", action="store_true", help="Back to what the schemas propose.")
    parser.add_argument("--reason", required=True, help="Why; it is kept with the correction.")
    parser.add_argument("names", nargs="+", metavar="FULLNAME")
    add_common(parser, user=True)
    parser.set_defaults(handler=_keys)


def _add_sensitive(parser: ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--fields", metavar="PATH,PATH", help="The sensitive fields, [] for every item; '' for none.")
    group.add_argument("--proposed", action="store_true", help="Back to what the schemas propose.")
    parser.add_argument("--reason", required=True, help="Why; it is kept with the correction.")
    parser.add_argument("names", nargs="+", metavar="FULLNAME")
    add_common(parser, user=True)
    parser.set_defaults(handler=_sensitive)


def _add_decisions(parser: ArgumentParser, *, required: bool) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    for decision in Decision:
        flag = f"--{decision.value.replace('_', '-')}"
        group.add_argument(flag, dest="decision", action="store_const", const=decision, help=f"{decision.label}.")


def _load(options: dict[str, Any]) -> Answer:
    return {**load_event_types.load(options["dir"] or settings.SCHEMAS_DIR)}


def _list(options: dict[str, Any]) -> Answer:
    sightings = ExportCount.objects.sightings()
    types = EventType.objects.matching(decision=options["decision"] or "", category=options["proposed"])
    rows = types.select_related("decided_by", "schema").undecided_first()
    return {"event_types": [_describe(each, sightings.get(each.full_name, {})) for each in rows]}


def _describe(event_type: EventType, seen: dict[str, int]) -> Answer:
    decider = event_type.decided_by
    return {
        "full_name": event_type.full_name,
        "namespace": event_type.namespace,
        "aggregate": event_type.aggregate,
        "action": event_type.action,
        "fingerprint": event_type.schema.fingerprint,
        "in_catalogue": event_type.in_catalogue,
        "proposed": event_type.category,
        "proposal_reason": event_type.proposal_reason,
        "decision": event_type.decision,
        "decided_by": decider.get_username() if decider else None,
        "decided_at": event_type.decided_at,
        "reason": event_type.decision_reason,
        "key_fields": event_type.identity_fields,
        "proposed_key_fields": event_type.proposed_key_fields,
        "key_fields_corrected": event_type.key_fields is not None,
        "sensitive_fields": event_type.masked_fields,
        "proposed_sensitive_fields": event_type.proposed_sensitive_fields,
        "sensitive_fields_corrected": event_type.sensitive_fields is not None,
        "seen": seen,
    }


def _decide(options: dict[str, Any]) -> Answer:
    names, proposed = options["names"], options["proposed"]
    if bool(names) == bool(proposed):
        raise InvalidInput("Name event types, or say --proposed CATEGORY: one of the two.")
    if proposed:
        waiting = EventType.objects.undecided().filter(category=proposed, in_catalogue=True)
        names = list(waiting.values_list("full_name", flat=True))
    decision: Decision = options["decision"]
    # Nothing left to decide is fine for a script that runs again.
    changed = curate.decide(actor(options), names, decision, options["reason"]) if names else 0
    return {"decision": decision.value, "event_types": len(set(names)), "changed": changed}


def _keys(options: dict[str, Any]) -> Answer:
    names, reason = options["names"], options["reason"]
    if options["proposed"]:
        changed = key_fields.back_to_proposal(actor(options), names, reason)
    else:
        paths = [path for path in options["fields"].split(",") if path.strip()]
        changed = key_fields.correct(actor(options), names, paths, reason)
    return {"event_types": len(set(names)), "changed": changed}


def _sensitive(options: dict[str, Any]) -> Answer:
    names, reason = options["names"], options["reason"]
    if options["proposed"]:
        changed = sensitive_fields.back_to_proposal(actor(options), names, reason)
    else:
        paths = [path for path in options["fields"].split(",") if path.strip()]
        changed = sensitive_fields.correct(actor(options), names, paths, reason)
    return {"event_types": len(set(names)), "changed": changed}
