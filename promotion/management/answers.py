"""What the command line says about a promotion. The keys are promised in docs/automation.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet, Sum

from promotion.actions import story
from promotion.actions.masking import Masks
from promotion.actions.stale import local_reasons
from promotion.errors import Incomplete
from promotion.models import Export, ExportCount, Judgement, Plan, Promotion, PromotionJob
from promotion.states import REFUSING, Disposition, PlanState

Answer = dict[str, Any]
#: Refused events that an answer names; `--steps` names all there are.
MOST_ROWS = 1_000


def promotion_answer(promotion: Promotion, masks: Masks | None = None) -> Answer:
    """Return all about one promotion, as `promotion show` prints it; without `masks` what is sensitive is masked."""
    export = Export.objects.filter(pk=promotion.pk).first()
    partitions = list(export.partitions.all()) if export else []
    job = promotion.jobs.select_related("requested_by").first()
    return {
        **promotion_line(promotion),
        "filters": promotion.filters,
        "counts": export.totals() if export else {"read": 0, **{each.value: 0 for each in Disposition}},
        "by_type": _by_type(export),
        "partitions": [
            {
                "partition": each.partition,
                "start": each.start,
                "end": each.end,
                "position": each.position,
                "read": each.read,
                "held_back": each.held_back,
                "truncated": None if each.truncated_from is None else [each.truncated_from, each.truncated_to],
            }
            for each in partitions
        ],
        "held_back": sum(each.held_back for each in partitions),
        "incomplete": bool(export and export.truncated),
        "plan": _plan_line(Plan.objects.of(promotion)),
        "job": job and job_answer(job),
        "amends": promotion.amends_id,
        "story": story.to_json(promotion, masks or Masks())
        if promotion.amends_id or promotion.amendments.exists()
        else [],
    }


def plan_answer(plan: Plan, masks: Masks | None = None, *, steps: bool = False) -> Answer:
    """Return how a plan stands and what it says; with `steps` every event in order, else those that are refused."""
    masks = masks or Masks()
    judged = plan.judgements.all() if steps else plan.judgements.filter(verdict__in=REFUSING, forced=False)
    return {
        "promotion": plan.promotion_id,
        "plan": plan.pk,
        "state": plan.state,
        "digest": plan.digest,
        "target": {"environment": plan.promotion.target.name, **plan.target_state},
        "created_by": plan.created_by.get_username(),
        "created_at": plan.created_at,
        "expires_at": plan.expires_at,
        "choices": plan.choices,
        "counts": plan.counts,
        "events": plan.steps_count,
        "bytes": plan.bytes_count,
        "transactions": len(plan.cuts),
        "problems": plan.problems,
        "warnings": plan.warnings,
        "stale": local_reasons(plan),
        "subjects": plan.subjects,
        "keys": plan.keys,
        "steps" if steps else "refused": [
            _judgement(masks, *row) for row in _judgements(judged, None if steps else MOST_ROWS)
        ],
    }


def _judgements(judged: QuerySet[Judgement], most: int | None) -> Iterator[tuple[Any, ...]]:
    columns = ("position", "verdict", "forced", "ordinal", "aggregate", "changes", "found", "problem", "hint")
    event = ("event__partition", "event__offset", "event__event_type__full_name", "event__revision__schema__full_name")
    rows = judged.order_by("position").values_list(*columns, *event)
    return rows.iterator() if most is None else iter(rows[:most])


def _judgement(masks: Masks, *row: Any) -> Answer:
    position, verdict, forced, ordinal, aggregate, changes, found, problem, hint, partition, offset, name, became = row
    return {
        "position": position,
        "source": {"partition": partition, "offset": offset},
        "type": name,
        "aggregate": masks.label(aggregate),
        "verdict": verdict,
        "goes": ordinal is not None,
        "forced": forced,
        "ordinal": ordinal,
        "changes": masks.changes(masks.of_names(name, became), changes or []),
        "found": found,
        "problem": problem,
        "hint": hint,
    }


def promotion_line(promotion: Promotion) -> Answer:
    """Return what a list says of one promotion."""
    return {
        "id": promotion.pk,
        "title": promotion.title,
        "state": promotion.state,
        "source": promotion.source_label,
        "origin": promotion.origin,
        "approach": promotion.approach,
        "target": promotion.target.name,
        "owner": promotion.owner.get_username(),
        "created_at": promotion.created_at,
    }


def job_answer(job: PromotionJob) -> Answer:
    """Return how a job stands."""
    return {
        "id": job.pk,
        "kind": job.kind,
        "state": job.state,
        "phase": job.phase,
        "done": job.done,
        "total": job.total,
        "attempts": job.attempts,
        "requested_by": job.requested_by.get_username(),
        "error": job.error,
        "hint": job.hint,
        "problems": job.problems,
    }


def check_complete(promotion: Promotion) -> None:
    """Raise Incomplete, naming what is missing, where retention took records before they were read."""
    gaps = promotion.export.partitions.filter(truncated_from__isnull=False)
    missing = [f"partition {g.partition}: offsets {g.truncated_from} to {(g.truncated_to or 0) - 1}" for g in gaps]
    if missing:
        raise Incomplete(
            f"The export of promotion {promotion.pk} ended, but records were deleted before they were read: "
            f"{'; '.join(missing)}.",
            "Everything else was exported. A replay has to accept that these are missing.",
        )


def _plan_line(plan: Plan | None) -> Answer | None:
    if plan is None:
        return None
    state = plan.state if not local_reasons(plan) else PlanState.STALE.value
    return {"id": plan.pk, "state": state, "digest": plan.digest, "events": plan.steps_count, "counts": plan.counts}


def _by_type(export: Export | None) -> dict[str, dict[str, int]]:
    counted = (
        ExportCount.objects.filter(partition__export=export)
        .values_list("type_name", "disposition")
        .annotate(n=Sum("count"))
        .order_by("type_name", "disposition")
    )
    by_type: dict[str, dict[str, int]] = {}
    for name, disposition, number in counted if export else ():
        by_type.setdefault(name, {})[disposition] = number
    return by_type
