"""Approvals in templates: the number in the navigation, and what the part of a plan's page shows."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context

from promotion.actions.approval_queue import waiting_for
from promotion.models import Plan
from promotion.views.approval_details import described

register = template.Library()


@register.simple_tag(takes_context=True)
def approvals_waiting(context: Context) -> int:
    """How many plans wait for the approval of who looks at the page."""
    return len(waiting_for(context["user"]))


@register.simple_tag(takes_context=True)
def approval_of(context: Context, plan: Plan) -> dict[str, Any]:
    """What `promotion/plans/_approval.html` shows of `plan`; a form that came back is the context's `decided`."""
    return described(context["user"], plan, context.get("decided"))
