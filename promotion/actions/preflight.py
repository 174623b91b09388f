"""What is checked before a plan and before a replay: what the database knows, and the target's topic as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from promotion.actions.plan_target import TargetReading
from promotion.domain.filters import ExportFilter
from promotion.domain.keys import Tenancy
from promotion.domain.plan_choices import PlanChoices, Policy
from promotion.domain.target_limits import TargetLimits
from promotion.errors import Refused, Stale
from promotion.kafka.cluster import TopicFacts
from promotion.models import Environment, Export, Plan, Promotion
from promotion.models.environment import SchemaSource
from promotion.states import Decision, Origin

NOTHING_WRITTEN = "Nothing was written to the target."


@dataclass(frozen=True, slots=True)
class OutgoingType:
    """How many events of one type would go out, and what was decided about the type by now."""

    full_name: str
    decision: Decision
    events: int
    edited: int


def outgoing_types(promotion: Promotion) -> list[OutgoingType]:
    """Return the types that would go out, the most frequent first."""
    of_type = promotion.events.outgoing().order_by().values_list("event_type__full_name", "event_type__decision")
    rows = of_type.annotate(many=Count("pk"), changed=Count("pk", filter=Q(revision__isnull=False)))
    found = [OutgoingType(name or "", Decision(decision), many, changed) for name, decision, many, changed in rows]
    return sorted(found, key=lambda each: (-each.events, each.full_name))


def check_exported(promotion: Promotion) -> None:
    """Raise Refused where there is no export: nothing can be planned then."""
    if not Export.objects.filter(promotion=promotion).exists():
        raise Refused(f"Promotion {promotion.pk} has no export.", "Export first.")


def refusals(promotion: Promotion, accept_incomplete: bool) -> list[str]:
    """Return what the database alone says against a replay, each with what to do; empty where nothing does."""
    found = []
    if not promotion.target.may_be_target:
        name = promotion.target.name
        found.append(f"{name} may not be a target. Somebody who manages environments can change that.")
    if not promotion.events.outgoing().exists():
        found.append("There is nothing to replay: no event goes out. Include some again, or make a new promotion.")
    found += _type_refusals(promotion)
    export = Export.objects.filter(promotion=promotion).first()
    if export is None:
        found.append("There is no export. Export first.")
    elif export.truncated and not accept_incomplete:
        found.append(
            "The export is incomplete: retention deleted records of the source before they were read. "
            "Accept that explicitly, or make a new promotion."
        )
    return found


def _type_refusals(promotion: Promotion) -> list[str]:
    return [
        f"{each.full_name} is {each.decision.label.lower()} since the export, and {each.events:,} of its events would "
        "go out. Exclude them, or ask a curator."
        for each in outgoing_types(promotion)
        if each.decision != Decision.PROMOTABLE
    ]


def check_promotion(promotion: Promotion, accept_incomplete: bool) -> None:
    """Raise Refused with everything that `refusals` finds."""
    _refuse(promotion, refusals(promotion, accept_incomplete))


def check_route(promotion: Promotion, facts: TopicFacts) -> None:
    """Raise Refused where the target's topic, as `facts` has it, is the source's own."""
    export = promotion.export
    if (facts.cluster_id, facts.topic) == (export.cluster_id, export.topic):
        said = (
            f"Source and target are the same: topic {facts.topic} on cluster {facts.cluster_id}, whatever the "
            "environments are called. Correct one of the environments."
        )
        _refuse(promotion, [said])


def check_topic(promotion: Promotion, facts: TopicFacts) -> None:
    """Raise Refused where the target's topic, as `facts` has it, cannot take any replay of this promotion."""
    check_route(promotion, facts)
    _refuse(promotion, topic_problems(facts))


def topic_problems(facts: TopicFacts) -> list[str]:
    """Return what speaks against the topic itself, whatever is sent there."""
    if not facts.compacted:
        return []
    return [
        f"Topic {facts.topic} is compacted (cleanup.policy={facts.cleanup_policy}): Kafka would keep only the last "
        "event of each key, that is one event a host or user. Set cleanup.policy=delete, or choose another target."
    ]


def plan_problems(plan: Plan, choices: PlanChoices, facts: TopicFacts, target: TargetReading) -> list[str]:
    """Return what refuses a plan as a whole, each with its numbers and what to do; empty where nothing does."""
    promotion = plan.promotion
    found = [*refusals(promotion, choices.accept_incomplete), *topic_problems(facts)]
    if not choices.accept_partitions:
        found += _partition_problem(promotion, facts)
    if promotion.origin == Origin.AMENDMENTS and choices.nonce == Policy.KEEP:
        found.append(
            "Amendments were written here and have no nonces to keep. Choose to continue those that the users have on "
            f"{promotion.target.name}."
        )
    return [*found, *filter(None, [target.tenancy_problem(promotion.target)])]


def _partition_problem(promotion: Promotion, facts: TopicFacts) -> list[str]:
    source = source_partitions(promotion)
    if source is None or source == facts.partitions:
        return []
    return [
        f"{promotion.source_label} has {source:,} partitions and {promotion.target.name} {facts.partitions:,}: "
        "each key keeps its order, but keys are spread anew, and a consumer that relies on which of them share a "
        "partition sees another picture. Accept the different number of partitions, or choose another target."
    ]


def source_partitions(promotion: Promotion) -> int | None:
    """Return how many partitions the source's topic had; None where nobody knows, and where there was no topic."""
    if promotion.source is None:
        return None
    if ExportFilter.from_json(promotion.filters).offsets:
        checked = promotion.source.check_findings.get("kafka", {}).get("partitions")
        return checked if isinstance(checked, int) else None
    return promotion.export.partitions.count()


def plan_warnings(plan: Plan) -> list[str]:
    """Return what people should know before they go on; none of it keeps a plan from going out."""
    source, target, state = plan.promotion.tenancy, plan.promotion.target, plan.target_state
    found = []
    if source is not None and source != target.tenancy:
        keys = ("hosts", "users") if source is Tenancy.MULTI else ("users", "hosts")
        keyed = plan.steps.aggregate(n=Count("key", distinct=True))["n"]
        found.append(
            f"{plan.promotion.source_label} is {source}-tenant and {target.name} {target.tenancy}-tenant: keys were "
            f"{keys[0]} and become {keyed:,} {keys[1]}. Order is kept within each new key."
        )
    lost = sum(1 for low in state["lows"].values() if low)
    if lost:
        found.append(
            f"{target.name} has lost its oldest records in {lost:,} of {plan.partitions:,} partitions: what was "
            "created there before looks as if it were not there."
        )
    unreadable = state["counts"].get("unreadable", 0)
    if unreadable:
        found.append(
            f"{unreadable:,} records of {target.name} could not be read: what they say was not considered."
            + _unknown_ids(target, state.get("unknown_ids", []))
        )
    return found


def _unknown_ids(target: Environment, ids: list[int]) -> str:
    """Return which schema ids a person could give, for a target whose schemas people give."""
    if target.schema_source == SchemaSource.REGISTRY or not ids:
        return ""
    return f" They bear schema ids that nobody has given for {target.name}: {', '.join(map(str, ids))}."


def _refuse(promotion: Promotion, problems: list[str]) -> None:
    if problems:
        raise Refused(f"The replay to {promotion.target.name} is refused.", NOTHING_WRITTEN, problems)


def check_plan(plan: Plan, facts: TopicFacts) -> None:
    """Raise Stale where the target is no longer what `plan` was made for."""
    if (plan.cluster_id, plan.topic) != (facts.cluster_id, facts.topic):
        raise Stale(
            f"The plan was made for topic {plan.topic} on cluster {plan.cluster_id}, and the target now is "
            f"{facts.topic} on {facts.cluster_id}.",
            f"{NOTHING_WRITTEN} Start the replay again: it makes a new plan.",
        )
    if plan.partitions != facts.partitions:
        raise Stale(
            f"Topic {facts.topic} has {facts.partitions} partitions, and the plan was made for {plan.partitions}.",
            f"{NOTHING_WRITTEN} Start the replay again: it makes a new plan.",
        )


def limits(facts: TopicFacts) -> TargetLimits:
    """Return what `facts` says about the records that the topic takes and keeps."""
    return TargetLimits(
        retention_ms=facts.retention_ms,
        retention_bytes=facts.retention_bytes,
        before_max_ms=facts.timestamp_before_max_ms,
        after_max_ms=facts.timestamp_after_max_ms,
        max_message_bytes=facts.max_message_bytes,
        append_time=facts.message_timestamp_type == "LogAppendTime",
    )
