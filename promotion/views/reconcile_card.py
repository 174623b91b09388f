"""What the page of a promotion shows where nobody knows what has arrived: the evidence, and how to go on."""

from __future__ import annotations

from typing import Any

from promotion.actions.receipt import replay_of
from promotion.actions.reconcile import STATES, evidence_of, objections
from promotion.errors import Incomplete, PromotionError
from promotion.forms.reconcile import ReconcileForm
from promotion.models import Promotion
from promotion.states import JobKind


def reconcile_card(
    promotion: Promotion, form: ReconcileForm | None = None, error: PromotionError | None = None
) -> dict[str, Any] | None:
    """Return the card's contents; None where the last replay did not end in doubt.

    `form` is one that came back, `error` what the action said of it.
    """
    if promotion.state not in STATES:
        return None
    last = promotion.jobs.filter(kind=JobKind.REPLAY).first()
    replay = replay_of(promotion)
    if last is None or last.exit_code != Incomplete.exit_code or replay is None:
        return None
    evidence = evidence_of(replay)
    arrived = evidence.arrived_prefix if evidence is not None else 0
    said = replay.reconciliations.select_related("by").first()
    stands = said is not None and last.ended_at is not None and said.at > last.ended_at
    return {
        "why": last.error,
        "steps": replay.plan.steps_count,
        "evidence": evidence,
        "arrived": arrived,
        "lost": max(0, replay.committed - arrived) if evidence is not None else 0,
        "objections": objections(replay, evidence) if evidence is not None else [],
        "form": form or ReconcileForm(initial={"committed": arrived}),
        "error": error,
        "said": said if stands else None,
    }
