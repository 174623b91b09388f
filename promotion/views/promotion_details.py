"""What the page of a promotion shows: what comes next, how the job stands, where every record went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from django.db.models import Sum
from django.http import HttpRequest

from promotion.actions.amend import may_be_amended
from promotion.actions.approach import switchable
from promotion.actions.receipt import replay_of
from promotion.actions.request import BUSY
from promotion.domain.filters import ExportFilter
from promotion.models import AuditEntry, Export, ExportCount, Plan, Promotion
from promotion.policy import MANAGE, Actor, may
from promotion.states import Approach, Disposition, JobKind, JobState, PromotionState
from promotion.views.arrival import arrivals
from promotion.views.import_details import dispositions, import_facts
from promotion.views.next_step import Situation, next_step
from promotion.views.plan_state import hidden, standing
from promotion.views.reconcile_card import reconcile_card
from promotion.views.steps import EXPORTED, steps
from promotion.views.type_bars import bars, type_url

HISTORY = 20
#: States in which something of a replay is there to look at.
ARRIVING = frozenset({PromotionState.REPLAYED, PromotionState.REPLAY_FAILED, PromotionState.PARTLY_REPLAYED})


def page(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    """Return what the page shows; what takes long to count is left out while a job runs and the page is polled."""
    context = _live(request, promotion)
    entries = AuditEntry.objects.filter(object_type="promotion", object_id=str(promotion.pk))
    context["history"] = entries[:HISTORY]
    if not context["active"]:
        context["accounting"] = accounting(promotion, context["export"]) if context["export"] else None
        context["arrivals"] = arrivals(context["replay"]) if context["replay"] else None
        context["next"] = next_step(_situation(request, context))
    return context


def _live(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    job = promotion.jobs.select_related("requested_by", "cancel_requested_by").first()
    active = job if job is not None and job.active else None
    # After its job: one that ends between the two would leave a page that waits for a worker, and never looks again.
    promotion.refresh_from_db(fields=["state"])
    export = Export.objects.filter(pk=promotion.pk).first()
    partitions = list(export.partitions.all()) if export else []
    totals = export.totals() if export else {}
    plan = Plan.objects.of(promotion)
    stands = standing(plan) if plan is not None else None
    return {
        "promotion": promotion,
        "export": export,
        "job": job,
        "active": active,
        "waiting": active is None and promotion.state in BUSY,
        "failed": job if job is not None and not job.active and job.error and job.kind != JobKind.CHECK_PLAN else None,
        "polled": "HX-Request" in request.headers,
        "replay": replay_of(promotion) if promotion.state in ARRIVING else None,
        "filters": filter_facts(promotion),
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
        "same": hidden(plan) if plan is not None else [],
        "may_manage": may(request.user, MANAGE),
        "reconcile": reconcile_card(promotion),
        "switch_to": _other(promotion) if switchable(promotion) else None,
        "amendable": may_be_amended(promotion),
        "rounds": list(promotion.amendments.order_by("pk")),
        "proposed": _proposed(promotion) if promotion.amends_id is not None else None,
        **import_facts(promotion),
    }


def _situation(request: HttpRequest, context: dict[str, Any]) -> Situation:
    """What decides what comes next, from the context of the page."""
    imported, replay = context["imported"], context["replay"]
    newest = replay.verifications.first() if replay is not None else None
    return Situation(
        promotion=context["promotion"],
        user=cast(Actor, request.user),
        plan=context["plan"],
        standing=context["standing"],
        events=context["events"],
        totals=context["totals"],
        same=tuple(context["same"]),
        filtered=bool(context["filters"]),
        read=context["export"] is not None,
        file_kept=bool(context.get("kept_file")),
        report=imported.get_absolute_url() if imported is not None and imported.compared_at else "",
        doubt=context["reconcile"],
        verdict=newest.verdict if newest is not None else "",
        amended=bool(context["rounds"]),
    )


def _other(promotion: Promotion) -> Approach:
    """The approach that the promotion does not take."""
    return next(each for each in Approach if each != promotion.approach)


def _proposed(promotion: Promotion) -> dict[str, Any] | None:
    """What the last job that proposed amendments has said, None where none has ended well."""
    job = promotion.jobs.filter(kind=JobKind.AMEND, state=JobState.SUCCEEDED).first()
    return job.arguments.get("result") if job is not None else None


def events(promotion: Promotion) -> dict[str, int]:
    """Return how many events go out, are edited, are excluded; quarantined ones are none of these."""
    # Each has an index of its own; in one query all events would be looked at.
    return {
        "outgoing": promotion.events.outgoing().count(),
        "edited": promotion.events.filter(revision__isnull=False).count(),
        "excluded": promotion.events.filter(excluded=True, quarantine_reason="").count(),
    }


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
            "url": type_url(name),
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
        **bars(promotion, rows, [(each.value, label) for each, label in shown]),
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
