"""Subcommands of `manage.py promotion`: amend, approach."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from promotion import jobs
from promotion.actions.amend import Asked, positions, propose, root_of
from promotion.actions.amend_types import UPDATED
from promotion.actions.approach import switch
from promotion.actions.masking import Masks
from promotion.domain.identity import Identity
from promotion.domain.masks import refuse_masks
from promotion.domain.names import ACTIONS
from promotion.errors import InvalidInput
from promotion.management.answers import Answer, promotion_line
from promotion.management.base import actor, add_common, promotion, wait_for
from promotion.models import Amendment, EventType, Promotion
from promotion.states import Approach


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser("amend", help="Propose events that change on the target what was replayed there.")
    parser.add_argument("id", type=int)
    parser.add_argument("--event", action="append", default=[], metavar="P:O", help="Of the event from this position.")
    parser.add_argument(
        "--thing",
        action="append",
        default=[],
        metavar="AGGREGATE=ID[,ID]",
        help="Of a thing on the target, by its ids.",
    )
    parser.add_argument("--action", choices=sorted(ACTIONS), default=UPDATED, help="By which event (default: Updated).")
    add_common(parser, user=True, wait=True)
    parser.set_defaults(handler=_amend)
    parser = subparsers.add_parser("approach", help="Choose whether events are edited first, or amended on the target.")
    parser.add_argument("id", type=int)
    parser.add_argument("approach", choices=Approach.values)
    add_common(parser, user=True)
    parser.set_defaults(handler=_approach)


def _amend(options: dict[str, Any]) -> Answer:
    user, found = actor(options), promotion(options)
    identities = EventType.objects.identities()
    refuse_masks(options["thing"])
    things = [_thing(each, identities) for each in options["thing"]]
    asked = Asked(positions(found, options["event"]), things, options["action"])
    amendments, job = propose(user, found, asked)
    wait_for(jobs.enqueue(job))
    job.refresh_from_db()
    result = job.arguments["result"]
    amendments.refresh_from_db()
    return {
        **promotion_line(amendments),
        "amends": root_of(found).pk,
        **{name: result[name] for name in ("proposed", "skipped", "reasons")},
        "events": list(_events(amendments)),
    }


def _thing(text: str, identities: dict[str, tuple[str, ...]]) -> Identity:
    """`Role=h1,admin`; a value that holds a comma stands in double quotes, as in a CSV file."""
    aggregate, equals, ids = text.partition("=")
    paths = identities.get(aggregate)
    if not equals or paths is None:
        raise InvalidInput(f"{text[:100]} names no kind of thing.", "Give a kind, = and its ids: Role=HOST,ROLE.")
    try:
        values = next(csv.reader([ids]), [])
    except csv.Error as error:
        raise InvalidInput(f"The ids of this {aggregate} cannot be read: {error}.") from error
    if len(values) != len(paths):
        raise InvalidInput(
            f"A {aggregate} has {len(paths)} ids, and {len(values)} are given.", f"In this order: {', '.join(paths)}."
        )
    return Identity(aggregate, tuple(values))


def _events(amendments: Promotion) -> Iterator[Answer]:
    rows = Amendment.objects.filter(event__promotion=amendments, event__excluded=False).order_by("event__offset")
    columns = ("event__partition", "event__offset", "event__event_type__full_name", "thing", "current__needs")
    masks = Masks()
    for partition, offset, name, thing, needs in rows.values_list(*columns).iterator():
        yield {"event": f"{partition}:{offset}", "type": name, "thing": masks.label(thing), "needs": needs}


def _approach(options: dict[str, Any]) -> Answer:
    return promotion_line(switch(actor(options), promotion(options), Approach(options["approach"])))
