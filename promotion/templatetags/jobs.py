"""Jobs and promotions in templates: the progress strip, and words that depend on where the events come from."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context

from promotion.models import Promotion, PromotionJob
from promotion.policy import MANAGE, may
from promotion.views import wording
from promotion.views.job_strip import strip_of

register = template.Library()
register.filter("state_word", wording.state_word)
register.filter("place", wording.place_of)
register.filter("ended_title", wording.ended_title)
register.filter("ended_words", wording.ended_words)


@register.simple_tag
def place_at(promotion: Promotion, partition: int, offset: int) -> str:
    """Where an event of `promotion` stands in its source, from the two numbers."""
    return wording.place_word(promotion, partition, offset)


@register.inclusion_tag("components/job_progress.html", takes_context=True)
def job_progress(context: Context, job: PromotionJob, *, compact: bool = False, still: bool = False) -> dict[str, Any]:
    """The progress strip of a promotion's job that is queued or running; it is kept current by itself.

    When the job has ended or looks otherwise, the event `job-moved` reaches the body: the page's own part waits for it
    (`hx-trigger="job-moved from:body"`). `compact` leaves out the partitions, the stop button and the tab's
    title; `still` is for a sample that no worker does.
    """
    user = context["request"].user
    cancels = not compact and may(user, MANAGE)
    return {"strip": strip_of(job), "compact": compact, "still": still, "may_cancel": cancels}
