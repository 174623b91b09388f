"""Ask for a job: the promotion's state and the job's row change in one transaction; the caller enqueues the job."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from promotion.actions import audit
from promotion.errors import Conflict, Refused
from promotion.models import EnvironmentDraft, Promotion, PromotionJob
from promotion.policy import MANAGE, Actor, require
from promotion.states import STARTS, JobKind, PromotionState

BUSY = {
    PromotionState.EXPORTING,
    PromotionState.IMPORTING,
    PromotionState.REWRITING,
    PromotionState.AMENDING,
    PromotionState.PLANNING,
    PromotionState.REPLAYING,
}


def request_job(
    actor: Actor,
    promotion: Promotion,
    kind: JobKind,
    arguments: dict[str, Any] | None = None,
    reason: str = "",
    permission: str = MANAGE,
) -> PromotionJob:
    """Create the job `kind` for `promotion` and move the promotion into its running state.

    `arguments` is small and holds ids and choices only. Raises Refused where the state or the actor's permissions do
    not allow it, Conflict where another job of this promotion is queued or running.
    """
    require(actor, permission)
    return insert_job(actor, promotion, kind, arguments, reason)


def insert_job(
    actor: Actor, promotion: Promotion, kind: JobKind, arguments: dict[str, Any] | None = None, reason: str = ""
) -> PromotionJob:
    """Do what `request_job` does without asking for a permission: for what follows from `actor`'s work by itself."""
    states, running = STARTS[kind]
    try:
        with transaction.atomic():
            job = PromotionJob.objects.create(
                kind=kind, promotion=promotion, requested_by=actor, arguments=arguments or {}
            )
            if not Promotion.objects.move(promotion.pk, states, running):
                _refuse(promotion, kind)
            audit.record(
                actor, kind.label.lower(), promotion, after={"job": str(job.pk), **job.arguments}, reason=reason
            )
    except IntegrityError as error:
        raise Conflict(
            f"Promotion {promotion.pk} has a job that is queued or running.", "Wait until it ends, or cancel it."
        ) from error
    promotion.refresh_from_db()
    return job


def request_check(actor: Actor, draft: EnvironmentDraft) -> PromotionJob:
    """Create the job that tests `draft`; whoever made the draft has been checked already."""
    return PromotionJob.objects.create(kind=JobKind.CHECK_ENVIRONMENT, draft=draft, requested_by=actor)


def _refuse(promotion: Promotion, kind: JobKind) -> None:
    state = PromotionState(Promotion.objects.values_list("state", flat=True).get(pk=promotion.pk))
    if state in BUSY:
        raise Conflict(f"Promotion {promotion.pk} is {state.label.lower()}.", "Wait until that ends, or cancel it.")
    raise Refused(
        f"Promotion {promotion.pk} is in the state '{state.label}': {kind.label.lower()} cannot start there.",
        f"It can start from: {', '.join(sorted(s.label for s in STARTS[kind][0]))}.",
    )
