"""`manage.py verify_audit [--head NUMBER:DIGEST]`: is the audit trail what it was? Documented in docs/audit.md."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from promotion.actions.verify_audit import Walked, parse_head, walk
from promotion.domain.audit_chain import Break, Fault
from promotion.errors import PromotionError
from promotion.management.base import Answer, JsonCommand, add_common, end_with

SAID = {
    Fault.CHANGED: "Entry {entry} was changed after it was sealed (seal {number}).",
    Fault.MISSING: "Entry {entry} is gone; its seal {number} is still there.",
    Fault.GAP: "Seal {number} is gone, and so may its entry be.",
    Fault.SLIPPED_IN: "Entry {entry} was slipped in later: the seal behind {number} follows the one before it.",
    Fault.BROKEN: "Seal {number} fits neither its entry {entry} nor the seal behind it: something of them was changed.",
    Fault.NOT_SEALED: "Entry {entry} has no seal: it was slipped in past the trigger, or its seal was removed.",
    Fault.CUT_OFF: "The chain ends before the head that was given, or was made anew: entries are gone.",
    Fault.REWRITTEN: "Seal {number} is not the one of the head that was given: the chain was made anew.",
}
HINT = "Compare with a backup of the database, and with earlier downloads of the audit trail, from this entry on."


class Command(JsonCommand):
    """Finds the first broken link of the chain over the audit trail, and ends with 1 where there is one."""

    help = "Verify the chain over the audit trail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the options; there are no subcommands."""
        parser.add_argument(
            "--head",
            default="",
            metavar="NUMBER:DIGEST",
            help="A head that an earlier run printed (or its digest alone): the chain must hold it still.",
        )
        add_common(parser)
        parser.set_defaults(handler=_verify)


def _verify(options: dict[str, Any]) -> Answer:
    found = walk(parse_head(options["head"]) if options["head"] else None)
    if found.broken is not None:
        _end_broken(found, found.broken)
    return {"entries": found.entries, "head": found.head, "whole": True}


def _end_broken(found: Walked, broken: Break) -> None:
    number, entry = broken.number, broken.entry
    end_with(
        PromotionError(SAID[broken.fault].format(number=number, entry=entry), HINT),
        {"whole": False, "fault": broken.fault.value, "seal": number, "entry": entry, "sound": found.entries},
    )
