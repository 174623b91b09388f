"""Reconcile a replay whose marker is lost with what the target holds."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from promotion.actions.reconcile import reconcile as reconcile_replay
from promotion.errors import InvalidInput, PromotionError, Refused
from promotion.forms.reconcile import ReconcileForm
from promotion.models import Promotion
from promotion.policy import MANAGE, require
from promotion.views.promotion_details import page
from promotion.views.reconcile_card import reconcile_card
from promotion.views.shared import actor_of, promotion_of


@require_POST
def reconcile(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Take a person's word on what has arrived; what the evidence does not bear out comes back with the reasons."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    form = ReconcileForm(request.POST)
    if not form.is_valid():
        return _again(request, promotion, form)
    given = form.cleaned_data
    try:
        made = reconcile_replay(actor_of(request), promotion, given["committed"], given["reason"])
    except (Refused, InvalidInput) as error:
        return _again(request, promotion, form, error)
    messages.success(request, f"Reconciled: {made.committed:,} events have arrived. The replay goes on behind them.")
    return redirect(promotion)


def _again(
    request: HttpRequest, promotion: Promotion, form: ReconcileForm, error: PromotionError | None = None
) -> HttpResponse:
    context = page(request, promotion) | {"reconcile": reconcile_card(promotion, form, error)}
    if context["reconcile"] is None:  # nothing on the page could show it
        raise error or Refused(f"There is nothing to reconcile in promotion {promotion.pk}.", "No replay is in doubt.")
    return render(request, "promotion/promotions/promotion.html", context, status=422)
