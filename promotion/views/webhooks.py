"""Webhooks: the list with what was delivered last, and what those who may change environments do with them."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from promotion.actions import webhooks as actions
from promotion.errors import PromotionError
from promotion.forms.webhooks import WebhookForm
from promotion.models import Notice, Webhook
from promotion.policy import ENVIRONMENTS, require
from promotion.views.shared import actor_of

FOLDER = "promotion/webhooks"
#: Deliveries on the page, the newest first.
MOST_SHOWN = 50


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """Show all webhooks, and what was sent last to whom."""
    require(request.user, ENVIRONMENTS)
    waiting = Count("notices", filter=Q(notices__sent_at=None, notices__given_up_at=None))
    everything = ("job__promotion__source", "job__promotion__target", "user", "webhook")
    context = {
        "rows": Webhook.objects.select_related("created_by").annotate(waiting=waiting).order_by("name"),
        "deliveries": Notice.objects.select_related(*everything).order_by("-created_at", "-pk")[:MOST_SHOWN],
        "email": settings.EMAIL_IS_SET_UP,
        "public_url": settings.PUBLIC_URL,
        "most": MOST_SHOWN,
    }
    return render(request, f"{FOLDER}/list.html", context)


@never_cache
def create(request: HttpRequest) -> HttpResponse:
    """Set up a webhook; its secret is shown in the answer, and never again."""
    require(request.user, ENVIRONMENTS)
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        made, secret = actions.create(actor_of(request), form.cleaned_data["name"], form.cleaned_data["url"])
        return render(request, f"{FOLDER}/secret.html", {"webhook": made, "secret": secret})
    return render(request, f"{FOLDER}/create.html", {"form": form}, status=422 if form.is_bound else 200)


@never_cache
@require_POST
def renew_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a webhook another secret, which is shown in the answer, and never again."""
    require(request.user, ENVIRONMENTS)
    webhook = actions.find(pk)
    secret = actions.renew_secret(actor_of(request), webhook)
    return render(request, f"{FOLDER}/secret.html", {"webhook": webhook, "secret": secret, "renewed": True})


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch a webhook on or off."""
    require(request.user, ENVIRONMENTS)
    webhook = actions.find(pk)
    on = request.POST.get("active") == "on"
    actions.switch(actor_of(request), webhook, on)
    messages.success(request, f"{webhook.name} is switched {'on' if on else 'off'}.")
    return redirect("promotion:webhooks")


@require_POST
def send_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test at once, and say how it was answered."""
    require(request.user, ENVIRONMENTS)
    webhook = actions.find(pk)
    try:
        status = actions.send_test(actor_of(request), webhook)
    except PromotionError as error:
        messages.error(request, f"The test did not arrive. {error}")
    else:
        say = messages.success if 200 <= status < 300 else messages.error
        say(request, f"{webhook.name} answered the test with {status}.")
    return redirect("promotion:webhooks")
