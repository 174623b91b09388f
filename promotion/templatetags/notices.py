"""`{% watch promotion %}`: the wish for an e-mail when a job ends, on the promotion's page."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from promotion.actions.notices import watching
from promotion.models import Promotion

register = template.Library()


@register.inclusion_tag("promotion/promotions/_watch.html", takes_context=True)
def watch(context: dict[str, Any], promotion: Promotion) -> dict[str, Any]:
    """Offer to begin or end the e-mails about `promotion`, or say why there are none."""
    user = context["request"].user
    return {
        "promotion": promotion,
        "email_is_set_up": settings.EMAIL_IS_SET_UP,
        "address": user.email,
        "watching": watching(user, promotion),
        "csrf_token": context.get("csrf_token"),
    }
