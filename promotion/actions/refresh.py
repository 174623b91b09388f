"""Read what came to the source since an export: the ends are pinned anew, and what was read stays as it is."""

from __future__ import annotations

from promotion.actions.request import request_job
from promotion.models import Promotion, PromotionJob
from promotion.policy import Actor
from promotion.states import JobKind


def refresh(actor: Actor, promotion: Promotion) -> PromotionJob:
    """Ask for it and return the job to enqueue; the promotion's rules are done to the new events as well.

    Raises Refused where the events do not come from a topic, else as `request_job` does.
    """
    promotion.cluster_source  # noqa: B018  # raises before anything is asked for
    return request_job(actor, promotion, JobKind.REFRESH)
