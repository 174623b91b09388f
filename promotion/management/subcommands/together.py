"""Subcommand of `manage.py promotion`: edit-field. The same field in many events, and its undo."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from promotion.actions import edit_together
from promotion.actions.amend import positions
from promotion.actions.edit_together import Looked, Wanted
from promotion.actions.masking import Masks
from promotion.errors import InvalidInput
from promotion.forms.events import EventFilterForm
from promotion.management.answers import Answer
from promotion.management.base import actor, add_common, promotion
from promotion.models import Promotion
from promotion.models.event import EventQuerySet
from promotion.policy import MANAGE, Actor, require

#: Options that are the filter of the list of events, and what they are there.
_FILTER = ("type", "host", "user", "text", "field", "state", "partition", "offset")
MOST_VALUES = 100


def add(subparsers: Any) -> None:
    """Add this part's subcommand."""
    parser = subparsers.add_parser("edit-field", help="Set one field in many events, all of it or nothing.")
    parser.add_argument("id", type=int)
    parser.add_argument("--path", help="The field: hostId, owner.address.city, items[*].id.")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--value", metavar="VALUE", help="The new value: JSON, or plain text.")
    given.add_argument("--clear", action="store_true", help="Set it to null, where that is allowed.")
    given.add_argument("--undo", metavar="FIRST-LAST", help="Take back what was done: `revisions` of its answer.")
    for name in _FILTER:
        parser.add_argument(
            f"--{name}", default="", help=f"Only events that match, as the filter '{name}' of the list."
        )
    parser.add_argument("--event", action="append", default=[], metavar="P:O", help="Only this event.")
    parser.add_argument("--dry-run", action="store_true", help="Say what would change, and change nothing.")
    add_common(parser, user=True)
    parser.set_defaults(handler=_edit_field)


def _edit_field(options: dict[str, Any]) -> Answer:
    found, user = promotion(options), actor(options)
    require(user, MANAGE)
    if options["undo"] is not None:
        return _undo(user, options["undo"], found)
    if not options["path"] or (options["value"] is None and not options["clear"]):
        raise InvalidInput("--path and one of --value and --clear are needed.", "Or --undo with what an answer named.")
    wanted, chosen = Wanted(options["path"], options["value"]), _chosen(options, found)
    looked = edit_together.look(found, chosen, wanted)
    answer = {"promotion": found.pk, "applied": not options["dry_run"], "revisions": None, **_looked(looked)}
    if options["dry_run"]:
        return answer
    done = edit_together.apply(user, found, chosen, wanted, looked.digest)
    return answer | {"changed": done.count, "revisions": f"{done.first}-{done.last}"}


def _undo(user: Actor, revisions: str, found: Promotion) -> Answer:
    first, dash, last = revisions.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and len(first) < 19 and len(last) < 19):
        raise InvalidInput("--undo takes two numbers with - between them.", "They stand in `revisions` of an answer.")
    done = edit_together.undo(user, found, int(first), int(last))
    return {"promotion": found.pk, "undone": done.count, "kept": done.kept}


def _chosen(options: dict[str, Any], found: Promotion) -> EventQuerySet:
    query = QueryDict(mutable=True)
    query.update({name: options[name] for name in _FILTER if options[name]})
    form = EventFilterForm(query, found)
    wanted = form.wanted()
    if wanted is None:
        problems = [f"--{name}: {said}" for name, each in form.errors.items() for said in each]
        raise InvalidInput("The filter cannot be used.", "Correct these options.", problems)
    masks = Masks()
    masks.check(found, wanted)
    chosen = masks.search(found.events.matching(wanted), wanted.text)
    return chosen.filter(pk__in=positions(found, options["event"])) if options["event"] else chosen


def _looked(looked: Looked) -> Answer:
    return {
        "seen": looked.seen,
        "changed": looked.changing,
        "same": looked.same,
        "cannot": looked.unfit_count,
        "values": [{"value": text, "events": count} for text, count in looked.values.most_common(MOST_VALUES)],
        "reasons": [{"event": str(event), "reason": reason} for event, reason in looked.unfit],
    }
