"""Do a promotion's rules to its events: one pass over all of them that a preview and the real thing share.

The rules are done to each event's base: the original, or what somebody made of it by hand since. So another order of
the rules, one rule less, or events read anew give what they would have given from the start, and undoing them gives
back every byte. A pass is one transaction: nothing of a rule is half done. docs/decisions/0019-rules-of-a-promotion.md
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from promotion.actions import audit, search_index
from promotion.actions.lease import Lease
from promotion.actions.rewrite_event import EventRewriter
from promotion.actions.rewrite_load import RuledEvent, load
from promotion.actions.rewrite_report import Report
from promotion.actions.rewrite_schemas import TargetTypes
from promotion.actions.rewrite_write import write
from promotion.errors import Refused
from promotion.models import EventType, Promotion, RuleList, RulePass
from promotion.models.event import EventQuerySet
from promotion.states import RevisionKind

CHUNK = 2_000
#: So many events looked at, and PostgreSQL is to know what became of them.
MANY = 5_000


def run(lease: Lease) -> None:
    """Do the job: the pass that its arguments name. Raises Refused where it would make events invalid."""
    done = RulePass.objects.get(pk=lease.job.arguments["pass"])
    rewrite(lease, done)


def rewrite(lease: Lease, done: RulePass, *, lenient: bool = False) -> None:
    """Do the pass `done`, or preview it, and keep its report.

    An event that becomes invalid is excluded where its rule says so, or where the pass is `lenient`; else the whole is
    refused. Raises Refused, Cancelled, LeaseLost, and what the registry raises.
    """
    promotion = Promotion.objects.with_environments().get(pk=done.promotion_id)
    lease.progress(0, phase="Looking at the rules")
    types = TargetTypes(promotion, done.rules, lease.check)
    rewriter = EventRewriter(promotion, done.rules, types, lenient=lenient, dry=done.dry)
    events = touched(promotion, rewriter)
    report = Report(promotion)
    number = events.count()
    lease.progress(0, number, "Looking at the events" if done.dry else "Applying the rules")
    if not done.dry:
        search_index.set_aside(promotion.pk, number)
    with transaction.atomic():
        for chunk in _chunks(events):
            lease.note(report.seen)
            results = [(event, rewriter.rewrite(event)) for event in chunk]
            report.add(results)
            if not done.dry:
                changes = [result.change for _, result in results if result.change is not None]
                write(done.author_id, changes, _note(done))
        _finish(lease, done, report)
    if not done.dry and report.seen >= MANY:
        _look_anew()


def redo(lease: Lease) -> None:
    """Do the rules that are applied already once more, since there are new events. Raises like `rewrite`.

    New ones that they would make invalid are excluded: the export must end, and half of the rules' work must not go
    out. The pass says which.
    """
    rules = RuleList.objects.get(pk=lease.promotion.pk).applied
    author = lease.job.requested_by
    done = RulePass.objects.create(promotion=lease.promotion, author=author, dry=False, rules=rules)
    rewrite(lease, done, lenient=True)


def touched(promotion: Promotion, rewriter: EventRewriter) -> EventQuerySet:
    """Return the events that the rules may be about, and those that earlier rules have changed."""
    mine = Q(revision__kind=RevisionKind.RULES) | Q(rule_excluded__isnull=False)
    rows = EventType.objects.filter(pk__in=promotion.events.order_by().values("event_type")).distinct()
    chosen = [row.pk for row in rows if rewriter.selects(row)]
    return promotion.events.filter(mine | Q(event_type__in=chosen), quarantine_reason="")


def _chunks(events: EventQuerySet) -> Iterator[list[RuledEvent]]:
    """The events from a cursor on the server, some thousand at a time, in a fixed order."""
    rows = load(events.order_by("pk"), CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _note(done: RulePass) -> str:
    names = [each["rule"].get("name", "") for each in done.rules if each["enabled"]]
    return ", ".join(name for name in names if name)[:300]


def _look_anew() -> None:
    """Let PostgreSQL count the values anew: it does so by itself a minute later only.

    Until then it takes the new hosts and users for rare: it read all of 200,000 events for the first page of a host, in
    7 s instead of 0.3 (`make many`).
    """
    with connection.cursor() as cursor:
        cursor.execute('ANALYZE promotion_event (host, "user", excluded, revision_id)')


def _finish(lease: Lease, done: RulePass, report: Report) -> None:
    if report.refused and not done.dry:
        raise Refused(
            f"The rules would make {report.refused:,} event{'' if report.refused == 1 else 's'} invalid: nothing was "
            "changed.",
            "The preview shows each with its reason. Correct the rule, narrow it, or let it exclude what it would "
            "make invalid.",
            report.sentences(),
        )
    with lease.writing():
        RulePass.objects.filter(pk=done.pk).update(finished_at=timezone.now(), **report.to_json())
        if not done.dry:
            _take_over(done, report)


def _take_over(done: RulePass, report: Report) -> None:
    rules = RuleList.objects.select_for_update().get(pk=done.promotion_id)
    rules.applied, rules.applied_at, rules.version = done.rules, timezone.now(), rules.version + 1
    if rules.draft == done.rules:
        rules.draft = None
    rules.save()
    Promotion.objects.changed(done.promotion_id, done.author_id)
    audit.record(done.author, "rewrite", done.promotion, after={"pass": str(done.pk), **report.counts()})
