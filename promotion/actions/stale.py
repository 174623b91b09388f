"""When a plan no longer fits: what changed on our side is seen at once, what came on the target is read by a worker."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from promotion.actions.connect import kafka_connection
from promotion.actions.headway import Headway
from promotion.actions.lease import Lease
from promotion.actions.plan_types import TypeTable
from promotion.actions.schema_source import open_schemas, set_digest
from promotion.actions.target_scan import Seen, TargetScan, Wanted
from promotion.domain.digests import Digests
from promotion.domain.plan_choices import PlanChoices, Policy
from promotion.errors import Stale
from promotion.kafka.reader import open_reader
from promotion.models import Environment, EventType, Plan, Promotion
from promotion.models.environment import SchemaSource
from promotion.states import MAY_GO_STALE, PlanState

MAKE_A_NEW_ONE = "Make a new plan: it shows what differs."
MOST_NAMED = 5


def inputs(promotion: Promotion, types: list[int] | None = None) -> dict[str, Any]:
    """Return what a plan is made of on our side, small enough to keep with it and to compare on every page view.

    `types` are the ids of the event types among the promotion's events, looked up where they are not given.
    """
    if types is None:
        found = promotion.events.order_by().filter(event_type__isnull=False).values_list("event_type_id", flat=True)
        types = sorted(pk for pk in found.distinct() if pk is not None)
    return {
        "types": types,
        "changes": Promotion.objects.values_list("changes", flat=True).get(pk=promotion.pk),
        "source": _source_fingerprint(promotion),
        "target": environment_fingerprint(Environment.objects.get(pk=promotion.target_id)),
        "catalogue": _catalogue_fingerprint(types),
    }


def expiry() -> Any:
    """Return when a plan that is made now is over."""
    return timezone.now() + timedelta(hours=settings.PLAN_HOURS)


def local_reasons(plan: Plan) -> list[str]:
    """Return why the plan no longer fits, as far as the database knows: cheap enough for every page. Empty: it fits."""
    if plan.state == PlanState.STALE:
        return list(plan.stale_reasons)
    if plan.state not in MAY_GO_STALE:
        return []
    now, then = inputs(plan.promotion, plan.inputs.get("types", [])), plan.inputs
    found = [said for key, said in _WHAT.items() if now[key] != then.get(key)]
    if plan.expired(timezone.now()):
        found.append(f"The plan has expired: plans are good for {settings.PLAN_HOURS:,} hours.")
    return found


def refuse_stale(plan: Plan) -> None:
    """Raise Stale, and mark the plan so, where `local_reasons` finds something.

    Inside a transaction that the error rolls back the mark is lost, which harms nothing: it is found again.
    """
    reasons = local_reasons(plan)
    if reasons:
        mark(plan, reasons)
        raise _stale(plan, reasons)


def mark(plan: Plan, reasons: list[str]) -> None:
    """Mark the plan as stale: its approvals die with it. Does nothing to one that is in replay."""
    Plan.objects.move(plan.pk, MAY_GO_STALE, PlanState.STALE, stale_at=timezone.now(), stale_reasons=reasons)


def check_target(lease: Lease, plan: Plan) -> dict[int, int]:
    """Read what came to the target since the plan was made; return its ends by partition now.

    Raises Stale, and marks the plan, where a new record is about an aggregate, an origin or (nonces continued) a user
    of the plan: foreign records alone are no reason. Raises what reader and registry raise.
    """
    target = plan.promotion.target
    touched = _Touched(target.name)
    with open_reader(kafka_connection(target), target.topic) as reader:
        pins = reader.pin()
        ends = {p.partition: p.end for p in pins}
        before = {int(p): end for p, end in plan.target_state["ends"].items()}
        starts = {p.partition: max(p.low, min(before.get(p.partition, 0), p.end)) for p in pins}
        headway = Headway(lease, starts, ends)
        if headway.total:
            headway.begin(f"Reading what is new on {target.name}")
            with open_schemas(target) as registry:
                scan = TargetScan(
                    registry,
                    TypeTable.load(),
                    wanted_of(plan),
                    lease.check,
                    touched.copy,
                    touched.aggregate,
                    touched.user,
                )
                scan.run(reader, starts, ends, headway.take)
    if touched.reasons:
        mark(plan, touched.reasons)
        raise _stale(plan, touched.reasons)
    return ends


def wanted_of(plan: Plan) -> Wanted:
    """Return what the plan is about, from its judgements and steps."""
    choices = PlanChoices.from_json(plan.choices)
    rows = plan.judgements.order_by()
    aggregates = rows.filter(~Q(aggregate="")).values_list("event__event_type__aggregate", flat=True).distinct()
    identities = rows.filter(identity__isnull=False).values_list("identity", flat=True).iterator()
    users = plan.steps.order_by().values_list("event__user", flat=True).distinct()
    return Wanted(
        frozenset(name for name in aggregates if name),
        Digests(bytes(each) for each in identities if each),
        Digests(bytes(each) for each in rows.values_list("origin", flat=True).iterator() if each),
        set(users) - {""} if choices.nonce == Policy.CONTINUE else set(),
    )


#: What new records of the target have to do with a plan: said of one, and of several.
_PROMOTED = "was promoted from an event of the plan", "were promoted from events of the plan"
_SAME_THING = "is about a thing that the plan changes", "are about things that the plan changes"
_SAME_USER = "is of a user whose nonces the plan continues", "are of users whose nonces the plan continues"


class _Touched:
    """Collects what new records of the target have to do with the plan: a few by name, all by number."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._found: dict[tuple[str, str], tuple[int, list[str]]] = {}

    @property
    def reasons(self) -> list[str]:
        return [
            f"{number:,} new record{'' if number == 1 else 's'} on {self._target} {what[number > 1]} "
            f"(at {', '.join(at)}{', ...' if number > len(at) else ''})."
            for what, (number, at) in self._found.items()
        ]

    def copy(self, seen: Seen, _: bytes) -> None:
        self._note(_PROMOTED, seen)

    def aggregate(self, seen: Seen, _: bytes) -> None:
        self._note(_SAME_THING, seen)

    def user(self, seen: Seen, _user: str, _nonce: int | None) -> None:
        self._note(_SAME_USER, seen)

    def _note(self, what: tuple[str, str], seen: Seen) -> None:
        number, at = self._found.get(what, (0, []))
        self._found[what] = (number + 1, [*at, seen.at][:MOST_NAMED])


def _stale(plan: Plan, reasons: list[str]) -> Stale:
    return Stale(f"The plan of promotion {plan.promotion_id} no longer fits: {' '.join(reasons)}", MAKE_A_NEW_ONE)


def _source_fingerprint(promotion: Promotion) -> str:
    if promotion.source_id is None:
        return f"{promotion.source_name} {promotion.source_tenancy}"
    return environment_fingerprint(Environment.objects.get(pk=promotion.source_id))


def environment_fingerprint(environment: Environment) -> str:
    """Return what changes with every setting of an environment that decides what goes out or where."""
    parts: tuple[object, ...] = (
        environment.name, environment.bootstrap_servers, environment.registry_url, environment.topic,
        environment.tenancy, environment.subject_strategy, environment.protected,
        environment.approvers, environment.may_be_source, environment.may_be_target,
    )  # fmt: skip
    if environment.schema_source != SchemaSource.REGISTRY:  # so a plan from before there were sets still fits
        parts += (environment.schema_source, set_digest(environment))
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _catalogue_fingerprint(types: list[int]) -> str:
    """What was decided about these types, and what identifies their aggregates."""
    rows = EventType.objects.filter(pk__in=types).order_by("pk").only("decision", "key_fields", "proposed_key_fields")
    parts = [(row.pk, row.decision, row.identity_fields) for row in rows]
    return sha256(repr(parts).encode()).hexdigest()[:32]


_WHAT = {
    "changes": "What goes out was changed: an edit, an exclusion, an upload or somebody's word that forces events in.",
    "source": "The source environment was changed, or the schemas that were given for it.",
    "target": "The target environment was changed, or the schemas that were given for it.",
    "catalogue": "A curator decided anew about a type among the events, or corrected what identifies its aggregate.",
}
