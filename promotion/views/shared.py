"""What most views begin or end with: the promotion of the URL, who asks, and a job on its way."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest

from promotion import jobs
from promotion.errors import NotFound, Unreachable
from promotion.models import Promotion, PromotionJob
from promotion.policy import Actor


def promotion_of(promotion_id: int) -> Promotion:
    """Return the promotion with its environments and its owner. Raises NotFound."""
    found = Promotion.objects.with_environments().filter(pk=promotion_id).first()
    if found is None:
        raise NotFound(f"There is no promotion {promotion_id}.", "The list of promotions shows those there are.")
    return found


def actor_of(request: HttpRequest) -> Actor:
    """Return who asks; everybody here has logged in."""
    return cast(Actor, request.user)


def enqueue(request: HttpRequest, job: PromotionJob) -> None:
    """Put the job into its queue; where that does not answer, say so: the sweep enqueues it later."""
    try:
        jobs.enqueue(job)
    except Unreachable as error:
        messages.warning(request, str(error))
