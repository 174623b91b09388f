"""What differs between a promotion's plan and the one before it, event by event, found by the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from promotion.models import Plan
from promotion.states import PlanState

KINDS = ("added", "dropped", "verdict", "bytes")

# An event that neither plan sends, and that both judge alike, is no difference.
_DIFFERENCES = """
WITH d AS (SELECT coalesce(n.event_id, o.event_id) AS event, coalesce(n.position, o.position) AS position,
    o.verdict AS before, n.verdict AS after, coalesce(nullif(n.aggregate, ''), o.aggregate, '') AS aggregate,
    CASE
        WHEN n.ordinal IS NOT NULL AND o.ordinal IS NULL THEN 'added'
        WHEN n.ordinal IS NULL AND o.ordinal IS NOT NULL THEN 'dropped'
        WHEN n.verdict IS DISTINCT FROM o.verdict THEN 'verdict'
        ELSE 'bytes'
    END AS kind
FROM (SELECT * FROM promotion_judgement WHERE plan_id = %(old)s::uuid) AS o
FULL JOIN (SELECT * FROM promotion_judgement WHERE plan_id = %(new)s::uuid) AS n ON n.event_id = o.event_id
LEFT JOIN promotion_planstep AS os ON os.plan_id = %(old)s::uuid AND os.ordinal = o.ordinal
LEFT JOIN promotion_planstep AS ns ON ns.plan_id = %(new)s::uuid AND ns.ordinal = n.ordinal
WHERE n.verdict IS DISTINCT FROM o.verdict
    OR (n.ordinal IS NULL) <> (o.ordinal IS NULL)
    OR os.record_digest IS DISTINCT FROM ns.record_digest)
"""
_COUNTS = "SELECT kind, count(*) FROM d GROUP BY kind"
_ROWS = "SELECT * FROM d ORDER BY position LIMIT %(most)s"


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """`counts` has a number for each of KINDS: goes now, does not any more, another verdict, another record.

    `rows` are the first of them in order: {"event", "position", "kind", "before", "after", "aggregate"}, where `before`
    and `after` are verdicts, None where a plan does not know the event.
    """

    counts: dict[str, int]
    rows: list[dict[str, Any]]


def before(plan: Plan) -> Plan | None:
    """Return the plan of the same promotion that was made just before `plan`."""
    older = Plan.objects.filter(promotion=plan.promotion_id, created_at__lt=plan.created_at)
    return older.exclude(state=PlanState.REPLAYED).order_by("-created_at").first()


def compare(old: Plan, new: Plan, most: int = 200) -> PlanDifference:
    """Return what differs from `old` to `new`, at most `most` rows of it."""
    given: dict[str, str | int] = {"old": str(old.pk), "new": str(new.pk), "most": most}
    counts = dict.fromkeys(KINDS, 0)
    with connection.cursor() as cursor:
        cursor.execute(f"{_DIFFERENCES} {_COUNTS}", given)
        counts |= dict(cursor.fetchall())
        cursor.execute(f"{_DIFFERENCES} {_ROWS}", given)
        names = ("event", "position", "before", "after", "aggregate", "kind")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return PlanDifference(counts, rows)
