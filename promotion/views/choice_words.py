"""What somebody chose for a plan, in the same words wherever it is shown: on the plan, its replay, its receipt."""

from __future__ import annotations

from collections.abc import Iterator

from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.models import Plan


def chosen(plan: Plan) -> list[tuple[str, str]]:
    """Return what was chosen for `plan`: what it is about, and the choice; nothing for plans that had no choice."""
    return list(_each(PlanChoices.from_json(plan.choices))) if plan.choices else []


def mode_words(choices: PlanChoices) -> str:
    """Return how the records are committed, in words."""
    if choices.mode == Mode.ALL:
        return "all or nothing, in one transaction"
    rate = f", at most {choices.rate:,} a second" if choices.rate else ""
    pause = f", {choices.pause_seconds:g} s between two" if choices.pause_seconds else ""
    return f"in batches of {choices.batch_size:,}{rate}{pause}"


def _each(choices: PlanChoices) -> Iterator[tuple[str, str]]:
    yield "Committed", mode_words(choices)
    yield "Nonces", "continued on the target" if choices.nonce == Policy.CONTINUE else "kept"
    yield "Kafka's timestamps", _time_words(choices.kafka_timestamp)
    yield "EventId's timestamps", _time_words(choices.event_timestamp)
    if choices.register_versions:
        yield "Schemas", "new versions are registered"
    if choices.accept_incomplete:
        yield "Export", "accepted although it is incomplete"
    if choices.accept_partitions:
        yield "Partitions", "another number is accepted"


def _time_words(policy: Policy) -> str:
    return "kept" if policy == Policy.KEEP else "the time of replay, fixed by this plan"
