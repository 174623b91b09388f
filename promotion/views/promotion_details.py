"""What the page of a promotion shows: what comes next, how the job stands, where every record went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from promotion.actions.amend import may_be_amended
from promotion.actions.approach import switchable
from promotion.domain.filters import ExportFilter
from promotion.models import AuditEntry, Export, ExportCount, Plan, Promotion, PromotionJob
from promotion.policy import MANAGE, may
from promotion.states import Approach, Disposition, JobKind, JobState
from promotion.views.import_details import dispositions, import_facts
from promotion.views.plan_state import hidden, standing
from promotion.views.reconcile_card import reconcile_card
from promotion.views.steps import EXPORTED, steps

HISTORY = 20
#: A worker that is free takes a job at once; after this long the page says why it may wait.
BUSY_SECONDS = 10
#: What a job counts, where that is not events.
UNITS: dict[str, str] = {
    JobKind.EXPORT: "records",
    JobKind.REFRESH: "records",
    JobKind.AMEND: "records",
    JobKind.IMPORT: "bytes",
    JobKind.UPLOAD: "bytes",
}


def page(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    """Return what the page shows; what takes long to count is left out while a job runs and the page is polled."""
    context = _live(request, promotion)
    entries = AuditEntry.objects.filter(object_type="promotion", object_id=str(promotion.pk))
    context["history"] = entries[:HISTORY]
    if not context["active"]:
        context["accounting"] = accounting(promotion, context["export"]) if context["export"] else None
    return {**context, "filters": filter_facts(promotion)}


def _live(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    export = Export.objects.filter(pk=promotion.pk).first()
    job = promotion.jobs.select_related("requested_by", "cancel_requested_by").first()
    active = job if job is not None and job.active else None
    partitions = list(export.partitions.all()) if export else []
    totals = export.totals() if export else {}
    plan = Plan.objects.of(promotion)
    stands = standing(plan) if plan is not None else None
    return {
        "promotion": promotion,
        "export": export,
        "job": job,
        "active": active,
        "failed": job if job is not None and not job.active and job.error and job.kind != JobKind.CHECK_PLAN else None,
        "facts": facts(active) if active else [],
        "unit": UNITS.get(active.kind, "events") if active else "",
        "partitions": partitions,
        "held_back": _held_back(sum(each.held_back for each in partitions)),
        "gaps": [
            f"Partition {p.partition}: offsets {p.truncated_from:,} to {(p.truncated_to or 0) - 1:,}"
            for p in partitions
            if p.truncated_from is not None
        ],
        "stats": [(label, totals[each.value]) for each, label in dispositions(promotion)] if totals else [],
        "totals": totals,
        "events": events(promotion) if promotion.state in EXPORTED and not active else {},
        "steps": steps(promotion, stands),
        "plan": plan,
        "standing": stands,
        "same": hidden(plan) if plan is not None and stands is not None and stands.stale else [],
        "may_manage": may(request.user, MANAGE),
        "reconcile": reconcile_card(promotion),
        "switch_to": _other(promotion) if switchable(promotion) else None,
        "amendable": may_be_amended(promotion),
        "rounds": list(promotion.amendments.order_by("pk")),
        "proposed": _proposed(promotion) if promotion.amends_id is not None else None,
        **import_facts(promotion),
    }


def _other(promotion: Promotion) -> Approach:
    """The approach that the promotion does not take."""
    return next(each for each in Approach if each != promotion.approach)


def _proposed(promotion: Promotion) -> dict[str, Any] | None:
    """What the last job that proposed amendments has said, None where none has ended well."""
    job = promotion.jobs.filter(kind=JobKind.AMEND, state=JobState.SUCCEEDED).first()
    return job.arguments.get("result") if job is not None else None


def events(promotion: Promotion) -> dict[str, int]:
    """Return how many events go out, are edited, are excluded; quarantined ones are none of these."""
    return promotion.events.filter(quarantine_reason="").aggregate(
        outgoing=Count("pk", filter=Q(excluded=False)),
        edited=Count("pk", filter=Q(revision__isnull=False)),
        excluded=Count("pk", filter=Q(excluded=True)),
    )


def facts(job: PromotionJob) -> list[str]:
    """Return what stands below the progress bar."""
    if job.started_at is None:
        waits = (timezone.now() - job.queued_at).total_seconds()
        return ["All workers are busy, or none runs."] if waits > BUSY_SECONDS else []
    seconds = (timezone.now() - job.started_at).total_seconds()
    found = [f"{_duration(seconds)} so far"]
    if job.attempts == 1 and job.done and seconds >= 1:
        rate = job.done / seconds
        much = filesizeformat(rate) if UNITS.get(job.kind) == "bytes" else f"{rate:,.0f}"
        found.append(f"{much} a second")
        if job.total:
            found.append(f"about {_duration((job.total - job.done) / rate)} left")
    if job.attempts > 1:
        times = "once" if job.attempts == 2 else f"{job.attempts - 1:,} times"
        found.append(f"taken over {times} after a worker died")
    return found


def accounting(promotion: Promotion, export: Export) -> dict[str, Any]:
    """Return the table of types and dispositions: rows, and the sums below, which add up to what was read."""
    shown = dispositions(promotion)

    def cells(numbers: dict[str, int]) -> list[int]:
        return [numbers.get(each.value, 0) for each, _ in shown]

    by_type: dict[str, dict[str, int]] = defaultdict(dict)
    counted = ExportCount.objects.filter(partition__export=export).values_list("type_name", "disposition")
    for name, disposition, number in counted.annotate(n=Sum("count")).order_by():
        by_type[name][disposition] = number
    rows = [
        {
            "name": name,
            "short": name.rpartition(".")[2],
            "cells": cells(numbers),
            "sum": sum(numbers.values()),
        }
        # What travels comes first, then what there is most of.
        for name, numbers in sorted(
            by_type.items(), key=lambda item: (-item[1].get(Disposition.KEPT, 0), -sum(item[1].values()), item[0])
        )
    ]
    totals = export.totals()
    return {
        "rows": rows,
        "columns": [label for _, label in shown],
        "sums": cells(totals),
        "read": totals["read"],
    }


def filter_facts(promotion: Promotion) -> Sequence[tuple[str, list[Any], str]]:
    """Return what the export is restricted to: label, values, and whether they are times or names."""
    filters = ExportFilter.from_json(promotion.filters)
    spans = [
        f"{p}: {start:,} to {'the end' if end is None else f'{end:,}'}" for p, (start, end) in filters.offsets.items()
    ]
    found: list[tuple[str, list[Any], str]] = [
        ("Types", sorted(filters.types), "name"),
        ("Hosts", sorted(filters.hosts), "name"),
        ("Users", sorted(filters.users), "name"),
        ("From this time on", [filters.since] if filters.since is not None else [], "time"),
        ("Before this time", [filters.until] if filters.until is not None else [], "time"),
        ("Offsets, by partition", spans, "text"),
    ]
    return [each for each in found if each[1]]


def _held_back(offsets: int) -> str:
    if not offsets:
        return ""
    lie = "offset lies" if offsets == 1 else "offsets lie"
    return (
        f"Up to {offsets:,} {lie} beyond the pinned ends and {'is' if offsets == 1 else 'are'} not in this export. "
        "When the transaction has ended, a new promotion takes them along."
    )


def _duration(seconds: float) -> str:
    whole = max(int(seconds), 0)
    return f"{whole} s" if whole < 60 else f"{whole // 60:,} min {whole % 60:02} s"
