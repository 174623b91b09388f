"""Promote again: what a new promotion takes from one that has been, to go on behind it."""

from __future__ import annotations

from typing import Any

from promotion.models import Promotion, RuleList
from promotion.states import Origin, PromotionState

#: Conditions that single out events of one export: they would hold for none, or for others, in the next one.
_OF_ONE_EXPORT = {"position", "time"}
MAX_TITLE = 200


def may_be_repeated(promotion: Promotion) -> bool:
    """Whether there is a topic to go on with, and the promotion has come to its end."""
    return promotion.origin == Origin.CLUSTER and promotion.state == PromotionState.REPLAYED


def title_again(promotion: Promotion) -> str:
    """Return the title to propose; one that says so already is kept."""
    title = promotion.title if promotion.title.startswith("Again: ") else f"Again: {promotion.title}"
    return title[:MAX_TITLE]


def rules_again(promotion: Promotion) -> list[dict[str, Any]]:
    """Return the applied rules that are as good for later events: those that do not ask for positions or times."""
    rules = RuleList.objects.applied(promotion.pk)
    return [each for each in rules if not _OF_ONE_EXPORT & {when["is"] for when in each["rule"].get("when", [])}]
