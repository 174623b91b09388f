"""Make a plan: what exactly would happen on the target, judged against what is there, frozen with its digest.

The order of things: what the database knows, the target's topic and registry, a first look at the events, the target
read to its pinned ends, and then one pass that judges and stores. Nothing is registered and nothing is produced.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from promotion.actions import audit, preflight, stale
from promotion.actions.connect import kafka_connection
from promotion.actions.freeze import Freezer, Overrides
from promotion.actions.lease import Lease
from promotion.actions.plan_look import Looker
from promotion.actions.plan_target import TargetReading, read_target
from promotion.actions.plan_types import TypeTable
from promotion.actions.replay_schemas import TargetSchemas
from promotion.actions.request import request_job
from promotion.actions.schema_source import open_schemas
from promotion.domain.judge import Verdict
from promotion.domain.key_moves import sentences
from promotion.domain.plan_choices import Mode, PlanChoices, Policy
from promotion.domain.target_limits import LimitCheck
from promotion.domain.transaction_time import too_long
from promotion.errors import InvalidInput, Refused
from promotion.kafka.cluster import TopicFacts, inspect
from promotion.models import Override, Plan, Promotion, PromotionJob, RuleList
from promotion.policy import VIEW, Actor
from promotion.states import MAY_GO_STALE, JobKind, PlanState

#: A newer plan takes the place of these; one in replay is beyond that.
REPLACED = frozenset({*MAY_GO_STALE, PlanState.REJECTED, PlanState.STALE})
#: How many schema ids that nobody knows are named.
MOST_UNKNOWN = 20


def request_plan(actor: Actor, promotion: Promotion, choices: PlanChoices) -> PromotionJob:
    """Ask for a plan of `promotion` and return the job to enqueue. Raises Refused or Conflict as `request_job` does."""
    return request_job(actor, promotion, JobKind.PLAN, {"choices": choices.to_json()})


def request_check(actor: Actor, plan: Plan) -> PromotionJob:
    """Ask a worker whether the target has moved since `plan` was made; anybody who may look may ask."""
    return request_job(actor, plan.promotion, JobKind.CHECK_PLAN, {"plan": str(plan.pk)}, permission=VIEW)


def run(lease: Lease) -> None:
    """Do the job: make the plan that its arguments choose. A plan that refuses is a result as well."""
    make(lease, choices_of(lease.job))


def run_check(lease: Lease) -> None:
    """Do the job: read what is new on the target. A stale plan is marked so; that is the result, and no failure."""
    plan = plan_of(lease.job)
    if plan is not None and plan.state in MAY_GO_STALE:
        stale.refuse_stale(plan)
        stale.check_target(lease, plan)


def choices_of(job: PromotionJob) -> PlanChoices:
    """Return the choices that `job` was asked for with. Raises InvalidInput."""
    try:
        return PlanChoices.from_json(job.arguments.get("choices", {}))
    except (ValueError, TypeError) as error:
        raise InvalidInput(str(error), "Choose again.") from error


def plan_of(job: PromotionJob) -> Plan | None:
    """Return the plan that `job` has made or was asked for; None where it has none yet."""
    plan_id = job.arguments.get("plan")
    if plan_id is None:
        return None
    return Plan.objects.select_related("promotion__source", "promotion__target").get(pk=plan_id)


def make(lease: Lease, choices: PlanChoices, *, direct: bool = False) -> Plan:
    """Make the plan of the lease's promotion, store it as the job's, and return it: ready or refused.

    `direct` says that nobody looked at it before its replay; the next direct replay makes a new one without asking.
    Raises Refused where source and target are the same, Unreachable and the like, LeaseLost, Cancelled.
    """
    promotion = Promotion.objects.with_environments().get(pk=lease.promotion.pk)
    preflight.check_exported(promotion)
    inputs = stale.inputs(promotion) | {"direct": direct}
    lease.progress(0, phase=f"Looking at {promotion.target.name}")
    facts = inspect(kafka_connection(promotion.target), promotion.target.topic)
    preflight.check_route(promotion, facts)
    types = TypeTable.load()
    looker = Looker(promotion, types)
    with open_schemas(promotion.target) as registry:
        schemas = TargetSchemas(registry, promotion.target, choices.register_versions)
        for row in looker.rows.values():
            lease.check()
            schemas.ask(row)
        users, keep = choices.nonce == Policy.CONTINUE, choices.event_timestamp == Policy.KEEP
        # What the survey finds is large, and nobody needs it once the target was read: nothing here holds it.
        target = read_target(
            lease, promotion.target, registry, types, lambda: looker.survey(lease, with_users=users), keep
        )
    plan = _new(lease, promotion, choices, facts, inputs, target)
    limits = LimitCheck(preflight.limits(facts), plan.timestamp)
    freezer = Freezer(plan, types, looker, schemas, target, limits, _overrides(promotion))
    return _store(lease, plan, freezer, looker, schemas, preflight.plan_problems(plan, choices, facts, target))


def _new(
    lease: Lease,
    promotion: Promotion,
    choices: PlanChoices,
    facts: TopicFacts,
    inputs: dict[str, Any],
    target: TargetReading,
) -> Plan:
    return Plan(
        promotion=promotion,
        created_by=lease.job.requested_by,
        expires_at=stale.expiry(),
        choices=choices.to_json(),
        inputs=inputs,
        target_state={
            "cluster_id": facts.cluster_id,
            "topic": facts.topic,
            "ends": {str(p): end for p, end in sorted(target.ends.items())},
            "lows": {str(p): low for p, low in sorted(target.lows.items())},
            "counts": target.counts,
            "unknown_ids": target.unknown_ids[:MOST_UNKNOWN],
            "transaction_max_timeout_ms": facts.transaction_max_timeout_ms,
        },
        timestamp=time.time_ns() // 1_000_000,
        cluster_id=facts.cluster_id,
        topic=facts.topic,
        partitions=facts.partitions,
        append_time=facts.message_timestamp_type == "LogAppendTime",
        register_versions=choices.register_versions,
        rules=RuleList.objects.applied(promotion.pk),
    )


def _store(
    lease: Lease, plan: Plan, freezer: Freezer, looker: Looker, schemas: TargetSchemas, problems: list[str]
) -> Plan:
    """One transaction, and nothing in it calls Kafka or the registry. The lease is looked at last: its row stays

    locked until the end, and its holder must be able to renew it meanwhile.
    """
    total = plan.promotion.events.outgoing().count()
    lease.progress(0, total, "Judging")
    with transaction.atomic():
        for chunk in looker.chunks():
            lease.note(freezer.position, freezer.bytes)
            freezer.take(chunk)
        _finish(plan, freezer, schemas, problems)
        with lease.writing():
            Plan.objects.filter(promotion=plan.promotion, state__in=REPLACED).update(state=PlanState.SUPERSEDED)
            plan.save(force_insert=True)
            arguments = lease.job.arguments | {"plan": str(plan.pk)}
            PromotionJob.objects.filter(pk=lease.job.pk).update(arguments=arguments, done=total)
            audit.record(lease.job.requested_by, "plan", plan.promotion, after=describe(plan))
    lease.job.arguments = arguments
    return plan


def _finish(plan: Plan, freezer: Freezer, schemas: TargetSchemas, problems: list[str]) -> None:
    state = {key: plan.target_state[key] for key in ("cluster_id", "topic", "ends")} | {"rules": plan.rules}
    plan.digest = freezer.digest(json.dumps(state, sort_keys=True))
    plan.steps_count, plan.bytes_count = freezer.ordinal, freezer.bytes
    plan.cuts = freezer.cuts
    plan.counts = {each.value: freezer.counts[each.value] for each in Verdict} | {"forced": freezer.counts["forced"]}
    plan.subjects = schemas.described(freezer.schemas_used)
    plan.problems = [*problems, *freezer.problems()]
    choices = PlanChoices.from_json(plan.choices)
    if not plan.steps_count and not plan.problems:
        plan.problems.append(
            "Nothing would go out: every event is already there or would change nothing. "
            "Force events in for a reason, or leave it at that."
        )
    if choices.mode == Mode.ALL:
        most = plan.target_state["transaction_max_timeout_ms"]
        plan.problems += filter(None, [too_long(plan.steps_count, plan.bytes_count, most)])
    plan.keys = freezer.keys.to_json()
    notes = [*sentences(plan.keys), *schemas.notes(freezer.schemas_used)]
    plan.warnings = [*preflight.plan_warnings(plan), *notes, *filter(None, [freezer.missing()])]
    plan.state = PlanState.REFUSED if plan.problems else PlanState.READY


def describe(plan: Plan) -> dict[str, Any]:
    """Return what the audit trail says of a plan."""
    return {
        "plan": str(plan.pk),
        "digest": plan.digest,
        "state": plan.state,
        "events": plan.steps_count,
        "counts": plan.counts,
        "choices": plan.choices,
    }


def refuse(plan: Plan) -> None:
    """Raise Refused with every problem where `plan` has any."""
    if plan.problems:
        raise Refused(
            f"The plan of promotion {plan.promotion_id} to {plan.promotion.target.name} is refused.",
            preflight.NOTHING_WRITTEN,
            plan.problems,
        )


def _overrides(promotion: Promotion) -> Overrides:
    """What was said of some events; nobody is asked again where nothing was said of any."""
    rows = Override.objects.filter(promotion=promotion)
    some = rows.exists()

    def of(events: Sequence[int]) -> dict[int, frozenset[Verdict]]:
        found: dict[int, frozenset[Verdict]] = {}
        for event, verdict in rows.filter(event__in=events).values_list("event_id", "verdict") if some else ():
            found[event] = found.get(event, frozenset()) | {Verdict(verdict)}
        return found

    return of
