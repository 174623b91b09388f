"""Rules on an exported promotion, done in this process as a worker does them."""

from typing import Any

from promotion import jobs
from promotion.actions import rules
from promotion.actions.outgoing import outgoing
from promotion.models import Event, Promotion, PromotionJob, RuleList, RulePass

REHOST = {"name": "Other host", "then": [{"do": "replace", "path": "**.hostId", "from": "host-1", "to": "sit-host"}]}
DESCRIBE = {
    "name": "Describe",
    "when": [{"is": "user", "any": ["user-1"]}],
    "then": [{"do": "set", "path": "roleDesc", "value": "promoted"}],
}
LEAVE_OUT = {"name": "Leave out", "when": [{"is": "host", "any": ["sit-host"]}], "then": [{"do": "exclude"}]}
TOO_LONG = {"name": "Break", "when": [{"is": "user", "any": ["user-2"]}],
            "then": [{"do": "set", "path": "roleId", "value": 7}]}  # fmt: skip


def add(promotion: Promotion, *wanted: dict[str, Any]) -> list[str]:
    """Put rules at the end of the draft; return their ids."""
    entries = rules.entries(list(wanted))
    rules.add(promotion.owner, promotion, RuleList.objects.of(promotion).version, entries)
    return [each["id"] for each in entries]


def apply(promotion: Promotion) -> PromotionJob:
    """Apply the draft and return the ended job."""
    job = run(rules.apply(promotion.owner, promotion))
    promotion.refresh_from_db()
    return job


def preview(promotion: Promotion) -> RulePass:
    made, job = rules.preview(promotion.owner, promotion)
    run((made, job))
    made.refresh_from_db()
    return made


def run(asked: tuple[RulePass, PromotionJob]) -> PromotionJob:
    job = asked[1]
    jobs.run(str(job.pk))
    job.refresh_from_db()
    job.promotion.refresh_from_db()
    return job


def done(promotion: Promotion) -> RulePass:
    """The newest pass that was not a preview."""
    return RulePass.objects.filter(promotion=promotion, dry=False, finished_at__isnull=False)[0]


def bodies(promotion: Promotion) -> dict[str, bytes]:
    """What goes out of each event, by its position."""
    rows = promotion.events.select_related("schema", "revision__schema").in_order()
    return {str(event): outgoing(event).data for event in rows}


def fresh(event: Event) -> Event:
    return Event.objects.select_related("revision__parent", "revision__schema", "schema", "event_type").get(pk=event.pk)
