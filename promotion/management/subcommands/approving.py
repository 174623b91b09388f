"""Subcommands of `manage.py promotion`: submit, approve, reject, withdraw the promotion's newest plan."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from promotion.actions import approval_rule as rule
from promotion.actions import approve as actions
from promotion.errors import NotFound
from promotion.management.base import Answer, actor, add_common, promotion
from promotion.models import Plan


def add(subparsers: Any) -> None:
    """Add this part's subcommands."""
    for name, handler, what in (
        ("submit", _submit, "Ask other people to approve the newest plan."),
        ("approve", _approve, "Approve the newest plan."),
        ("reject", _reject, "Reject the newest plan for good."),
        ("withdraw", _withdraw, "Take back your approval, else the submission."),
    ):
        parser: ArgumentParser = subparsers.add_parser(name, help=what)
        parser.add_argument("id", type=int)
        parser.add_argument("--reason", required=name != "submit", default="", help="Why.")
        if name == "approve":
            parser.add_argument(
                "--confirm",
                "--type-name",
                metavar="NAME",
                help="The target's name, as the page asks for it; refused where it is another one.",
            )
        add_common(parser, user=True)
        parser.set_defaults(handler=handler)


def approval_answer(plan: Plan) -> Answer:
    """Return how the approval of `plan` stands, and every word about it."""
    return {
        "promotion": plan.promotion_id,
        "plan": plan.pk,
        "state": plan.state,
        "digest": plan.digest,
        "approvals": [
            {"by": word.by.get_username(), "verdict": word.verdict, "reason": word.reason, "at": word.at}
            for word in plan.approvals.select_related("by")
        ],
        "needed": plan.promotion.target.approvers if plan.promotion.target.protected else 0,
        "standing": len(rule.counting(plan)),
    }


def _submit(options: dict[str, Any]) -> Answer:
    return approval_answer(actions.submit(actor(options), _newest(options), options["reason"]))


def _approve(options: dict[str, Any]) -> Answer:
    user, plan = actor(options), _newest(options)
    # Who types the command has named the promotion; scripts need not name its target as well.
    name = plan.promotion.target.name if options["confirm"] is None else options["confirm"]
    return approval_answer(actions.approve(user, plan, plan.digest, options["reason"], name))


def _reject(options: dict[str, Any]) -> Answer:
    user, plan = actor(options), _newest(options)
    return approval_answer(actions.reject(user, plan, plan.digest, options["reason"]))


def _withdraw(options: dict[str, Any]) -> Answer:
    return approval_answer(actions.withdraw(actor(options), _newest(options), options["reason"]))


def _newest(options: dict[str, Any]) -> Plan:
    found = promotion(options)
    plan = Plan.objects.of(found)
    if plan is None:
        raise NotFound(f"Promotion {found.pk} has no plan.", f"`manage.py promotion plan {found.pk}` makes one.")
    return plan
