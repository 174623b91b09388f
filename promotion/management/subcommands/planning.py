"""Subcommands of `manage.py promotion`: plan, force, unforce."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from promotion import jobs
from promotion.actions.force import force, unforce
from promotion.actions.plan import refuse, request_plan
from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.management.answers import Answer, plan_answer
from promotion.management.base import actor, add_common, add_sensitive, audited, end_with, masks, promotion, wait_for
from promotion.models import Event, Plan, Promotion
from promotion.states import FORCIBLE, Verdict


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    parser = subparsers.add_parser("plan", help="Make a plan: what would happen on the target. Nothing is written.")
    parser.add_argument("id", type=int)
    add_choices(parser)
    parser.add_argument("--steps", action="store_true", help="List every event with its verdict.")
    add_sensitive(parser)
    parser.add_argument("--no-wait", action="store_true", help="Do not wait until a worker has made it.")
    add_common(parser, user=True, wait=True)
    parser.set_defaults(handler=_plan)
    parser = subparsers.add_parser("force", help="Send events all the same that the plan leaves out or refuses.")
    parser.add_argument("id", type=int)
    parser.add_argument("--verdict", required=True, choices=sorted(each.value for each in FORCIBLE))
    parser.add_argument("--event", action="append", metavar="P:O", help="Only the event from this source position.")
    parser.add_argument("--reason", required=True)
    add_common(parser, user=True)
    parser.set_defaults(handler=_force)
    parser = subparsers.add_parser("unforce", help="Take that back.")
    parser.add_argument("id", type=int)
    parser.add_argument("--event", action="append", metavar="P:O", help="Only the event from this source position.")
    add_common(parser, user=True)
    parser.set_defaults(handler=_unforce)


def add_choices(parser: ArgumentParser) -> None:
    """Add what people choose for a plan."""
    parser.add_argument("--nonce", choices=["continue", "keep"], default="continue", help="The users' nonces.")
    for name, what in (("kafka", "Kafka's timestamps"), ("event", "EventId's timestamps")):
        parser.add_argument(f"--{name}-timestamp", choices=["keep", "replay"], default="keep", help=what)
    parser.add_argument("--mode", choices=["all", "batches"], default="all", help="One transaction, or several.")
    parser.add_argument("--batch-size", type=int, default=1_000, metavar="N", help="Records in a transaction at most.")
    parser.add_argument("--rate", type=int, default=0, metavar="N", help="Records a second at most; 0: no limit.")
    parser.add_argument("--pause", type=float, default=0.0, metavar="S", help="Seconds between two transactions.")
    parser.add_argument(
        "--register-versions",
        action="store_true",
        help="Add a version to an existing subject of the target's registry where the exact schema is not there.",
    )
    parser.add_argument(
        "--accept-incomplete", action="store_true", help="Go on although records were deleted before the export."
    )
    parser.add_argument(
        "--accept-partitions", action="store_true", help="Go on although the target has another number of partitions."
    )


def choices(options: dict[str, Any]) -> PlanChoices:
    """Return what the options choose. Raises InvalidInput."""
    try:
        return PlanChoices(
            nonce=Policy(options["nonce"]),
            kafka_timestamp=Policy(options["kafka_timestamp"]),
            event_timestamp=Policy(options["event_timestamp"]),
            mode=Mode(options["mode"]),
            batch_size=options["batch_size"],
            rate=options["rate"],
            pause_seconds=options["pause"],
            register_versions=options["register_versions"],
            accept_incomplete=options["accept_incomplete"],
            accept_partitions=options["accept_partitions"],
        )
    except ValueError as error:
        raise InvalidInput(str(error), "Correct that option.") from error


def newest_plan(found: Promotion) -> Plan:
    """Return the promotion's newest plan. Raises NotFound."""
    plan = Plan.objects.of(found)
    if plan is None:
        raise NotFound(f"Promotion {found.pk} has no plan.", "Make one: `manage.py promotion plan`.")
    return plan


def _plan(options: dict[str, Any]) -> Answer:
    found, seen = promotion(options), masks(options)
    job = jobs.enqueue(request_plan(actor(options), found, choices(options)))
    if options["no_wait"]:
        return {"promotion": found.pk, "job": job.pk, "state": "planning"}
    wait_for(job)
    plan = newest_plan(found)
    answer = audited(options, found, seen, plan_answer(plan, seen, steps=options["steps"]), "plan")
    try:
        refuse(plan)
    except Refused as refused:
        end_with(refused, answer)
    return answer


def _force(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    plan, chosen = newest_plan(found), _events(found, options["event"])
    changed = force(actor(options), plan, Verdict(options["verdict"]), options["reason"], chosen)
    return {"promotion": found.pk, "forced": changed}


def _unforce(options: dict[str, Any]) -> Answer:
    found = promotion(options)
    return {
        "promotion": found.pk,
        "taken_back": unforce(actor(options), newest_plan(found), _events(found, options["event"])),
    }


def _events(found: Promotion, positions: list[str] | None) -> list[int] | None:
    return None if positions is None else [_event(found, each) for each in positions]


def _event(found: Promotion, position: str) -> int:
    partition, _, offset = position.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise InvalidInput(f"{position} is no position.", "Give partition and offset on the source, such as 0:12.")
    event = Event.objects.filter(promotion=found, partition=int(partition), offset=int(offset)).first()
    if event is None:
        raise NotFound(f"Promotion {found.pk} has no event from {position}.")
    return event.pk
