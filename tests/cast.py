"""Who and what the tests are about: one function a noun, with the least that its row needs.

The groups are made by a migration. Tests with committed data (`transaction=True`) need `serialized_rollback=True`.
"""

import uuid
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from promotion.actions import rule_sets, rules, stale, webhooks
from promotion.actions.schemas import store_schema
from promotion.domain.names import split_name
from promotion.domain.plan_choices import PlanChoices
from promotion.models import (
    Environment,
    Event,
    EventType,
    Export,
    ExportCount,
    ExportPartition,
    Judgement,
    Plan,
    PlanStep,
    Promotion,
    RuleList,
    RuleSetVersion,
    Webhook,
)
from promotion.states import LEFT_OUT, OPEN_PLANS, REFUSING, Decision, Disposition, PlanState, PromotionState, Verdict

PASSWORD = "a-password-for-tests"
#: Role -> its group; the admin is a superuser.
ROLES = {"viewer": "viewer", "manager": "release manager", "approver": "approver", "curator": "curator", "admin": None}


def user(role: str, username: str = "") -> User:
    """Return the user of a role of ROLES, made on first use; `username` names a second one of the same role."""
    group = ROLES[role]
    found = User.objects.filter(username=username or role).first()
    if found:
        return found
    made = User(username=username or role, is_staff=group is None, is_superuser=group is None)
    made.set_password(PASSWORD)
    made.save()
    made.groups.set([] if group is None else [Group.objects.get(name=group)])
    return made


def stranger() -> User:
    """Return a user who can log in and is in no group."""
    return User.objects.create_user("stranger", password=PASSWORD)


def environment(name: str = "dev", **fields: Any) -> Environment:
    """Return the environment `name`, made on first use as a source and a target that nothing listens at."""
    found = Environment.objects.filter(name=name).first()
    if found:
        return found
    values = {
        "bootstrap_servers": "127.0.0.1:9",
        "registry_url": "http://127.0.0.1:9",
        "topic": f"{name}-portal-event",
        "may_be_target": True,
        **fields,
    }
    return Environment.objects.create(name=name, **values)


def promotion(title: str = "Release 1", **fields: Any) -> Promotion:
    """Return a new promotion from dev to sit, a draft of the release manager's."""
    values = {"source": environment("dev"), "target": environment("sit", order=20), "owner": user("manager"), **fields}
    return Promotion.objects.create(title=title, **values)


def schema_text(full_name: str, fields: str = '{"name": "apiId", "type": "string", "doc": "The API."}') -> str:
    """Return a small record schema without an EventId, as JSON."""
    namespace, _, name = full_name.rpartition(".")
    return f'{{"type": "record", "name": "{name}", "namespace": "{namespace}", "fields": [{fields}]}}'


def event_type(full_name: str = "", decision: Decision = Decision.UNDECIDED, **fields: Any) -> EventType:
    """Return a new event type of the catalogue; a decision is the curator's."""
    name = full_name or f"net.lightapi.portal.market.Api{uuid.uuid4().hex[:8].title()}CreatedEvent"
    values: dict[str, Any] = {
        "namespace": name.rpartition(".")[0],
        "aggregate": split_name(name).aggregate,
        "action": split_name(name).action,
        **fields,
    }
    if "schema" not in values:
        values["schema"] = store_schema(schema_text(name))
    made = EventType.objects.create(full_name=name, **values)
    if decision != Decision.UNDECIDED:
        decide(made, decision)
    return made


def decide(event_type: EventType, decision: Decision, reason: str = "For this test.") -> None:
    """Decide about `event_type` as the curator, through the action."""
    from promotion.actions import curate

    curate.decide(user("curator"), [event_type.full_name], decision, reason)
    event_type.refresh_from_db()


def event(promotion: Promotion, offset: int = 0, **fields: Any) -> Event:
    """Return an event that the export of `promotion` kept: an ApiCreatedEvent whose apiId is "x"."""
    name = "net.lightapi.portal.market.ApiCreatedEvent"
    kept = EventType.objects.filter(full_name=name).first() or event_type(name, Decision.PROMOTABLE)
    values = {
        "partition": 0,
        "timestamp": 1_763_942_400_000,
        "merge_timestamp": 1_763_942_400_000,
        "key": b"host-1",
        "value": b"\x00" + (1).to_bytes(4, "big") + b"\x02x",
        "event_type": kept,
        "schema": kept.schema,
        "host": "host-1",
        "document": {"apiId": "x"},
        **fields,
    }
    return Event.objects.create(promotion=promotion, offset=offset, **values)


def exported(count: int = 1, **fields: Any) -> Promotion:
    """Return a promotion whose export kept `count` events, all of them from partition 0."""
    made = promotion(state=PromotionState.EXPORTED, **fields)
    export = Export.objects.create(promotion=made, cluster_id="a-cluster", topic=made.source.topic)
    Export.objects.filter(pk=made.pk).update(finished_at=export.pinned_at)
    partition = ExportPartition.objects.create(
        export=export, partition=0, start=0, end=count, position=count, read=count
    )
    for offset in range(count):
        event(made, offset)
    ExportCount.objects.create(
        partition=partition,
        disposition=Disposition.KEPT,
        type_name="net.lightapi.portal.market.ApiCreatedEvent",
        count=count,
    )
    return made


def rule(promotion: Promotion, name: str = "To sit", applied: bool = False, **fields: Any) -> dict[str, Any]:
    """Add a rule to the draft of `promotion`, or to what is applied there; return it as the promotion holds it."""
    action = {"do": "replace", "path": "**.hostId", "from": "host-1", "to": "host-sit"}
    [made] = rules.entries([{"name": name, "when": [], "then": [action], **fields}])
    held = RuleList.objects.of(promotion)
    if applied:
        held.applied = [*held.applied, made]
    else:
        held.draft = [*rules.drafted(held), made]
    held.save()
    return made


def plan(promotion: Promotion, state: PlanState = PlanState.READY, **fields: Any) -> Plan:
    """Return the newest plan of `promotion` without a judgement; what was open is superseded.

    It fits the promotion as it is now. What was submitted was the release manager's to submit.
    """
    Plan.objects.filter(promotion=promotion, state__in=OPEN_PLANS).update(state=PlanState.SUPERSEDED)
    values: dict[str, Any] = {
        "created_by": promotion.owner,
        "expires_at": timezone.now() + timedelta(hours=72),
        "choices": PlanChoices().to_json(),
        "inputs": stale.inputs(promotion),
        "target_state": {"cluster_id": "the-target", "topic": promotion.target.topic, "ends": {"0": 12, "1": 1_234}},
        "digest": sha256(uuid.uuid4().bytes).hexdigest(),
        "steps_count": 0,
        "bytes_count": 0,
        "counts": {each.value: 0 for each in Verdict} | {"forced": 0},
        "cluster_id": "the-target",
        "topic": promotion.target.topic,
        "partitions": 2,
    }
    if state not in (PlanState.READY, PlanState.REFUSED):
        values |= {"submitted_by": user("manager"), "submitted_at": timezone.now()}
    return Plan.objects.create(promotion=promotion, state=state, **{**values, **fields})


def judgement(plan: Plan, event: Event, verdict: Verdict = Verdict.NEW, **fields: Any) -> Judgement:
    """Return the next judgement of `plan`, with the step of an event that goes out; the plan counts it."""
    forced = bool(fields.get("forced"))
    goes = forced or verdict not in LEFT_OUT | REFUSING
    values = {"ordinal": plan.steps_count if goes else None, "aggregate": "Api x", "origin": b"o" * 16, **fields}
    position = plan.number_of(*Verdict)
    if goes:
        assert event.schema is not None
        PlanStep.objects.create(
            plan=plan, ordinal=plan.steps_count, event=event, partition=1, timestamp=event.timestamp, key=b"host-1",
            subject="net.lightapi.portal.market.ApiCreatedEvent", schema=event.schema, registry_id=7, body=b"\x02x",
        )  # fmt: skip
    plan.steps_count += goes
    plan.counts[verdict.value] = plan.counts.get(verdict.value, 0) + 1
    plan.counts["forced"] = plan.counts.get("forced", 0) + forced
    if verdict in REFUSING and not forced:
        plan.state = PlanState.REFUSED
    plan.save()
    return Judgement.objects.create(plan=plan, position=position, event=event, verdict=verdict, **values)


def webhook(name: str = "chat", url: str = "http://127.0.0.1:9/hook") -> Webhook:
    """Return a new webhook of the curator's, at an address that nothing listens at."""
    return webhooks.create(user("curator"), name, url)[0]


def rule_set(name: str = "dev to sit", **fields: Any) -> RuleSetVersion:
    """Return a new version of the set `name`, the release manager's: one rule, that host-1 becomes sit-host."""
    then = [{"do": "replace", "path": "**.hostId", "from": "host-1", "to": "sit-host"}]
    rules = fields.pop("rules", [{"name": "Other host", "then": then}])
    return rule_sets.save(user("manager"), name, rules, **fields)
