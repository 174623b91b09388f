"""The rules of a promotion: the draft beside what is applied, their preview, and applying them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from promotion.actions import rules as actions
from promotion.actions.rule_sets import version_of
from promotion.errors import Conflict, InvalidInput, NotFound, PromotionError
from promotion.forms.rules import ApplyForm, EnableForm, MoveForm, TakeForm, VersionForm
from promotion.models import Promotion, RuleList, RulePass, RuleSet
from promotion.policy import MANAGE, VIEW, Actor, require
from promotion.views.rule_details import events_changed, fits, newest_pass, page, refused
from promotion.views.shared import actor_of, enqueue, promotion_of

FOLDER = "promotion/rules"
Act = Callable[[Actor, Promotion, int], None]


@require_safe
def rules(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the rules of a promotion, polled while a worker previews or applies them."""
    require(request.user, VIEW)
    return _page(request, promotion_of(promotion_id))


@require_POST
def rule_move(request: HttpRequest, promotion_id: int, rule_id: uuid.UUID) -> HttpResponse:
    """Move a rule of the draft up or down."""
    form = MoveForm(request.POST)

    def move(actor: Actor, promotion: Promotion, version: int) -> None:
        actions.move(actor, promotion, version, str(rule_id), form.cleaned_data["by"])

    return _change(request, promotion_id, form, move)


@require_POST
def rule_enable(request: HttpRequest, promotion_id: int, rule_id: uuid.UUID) -> HttpResponse:
    """Let a rule of the draft rest, or wake it up."""
    form = EnableForm(request.POST)

    def enable(actor: Actor, promotion: Promotion, version: int) -> None:
        actions.enable(actor, promotion, version, str(rule_id), form.cleaned_data["enabled"] == "yes")

    return _change(request, promotion_id, form, enable)


@require_POST
def rule_remove(request: HttpRequest, promotion_id: int, rule_id: uuid.UUID) -> HttpResponse:
    """Take a rule out of the draft."""
    return _change(request, promotion_id, VersionForm(request.POST), _on(actions.remove, rule_id))


@require_POST
def rule_put_back(request: HttpRequest, promotion_id: int, rule_id: uuid.UUID) -> HttpResponse:
    """Take an applied rule that was removed into the draft again."""
    return _change(request, promotion_id, VersionForm(request.POST), _on(actions.put_back, rule_id))


@require_POST
def rules_take(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Take a version of a rule set into the draft."""
    form = TakeForm(request.POST)

    def take(actor: Actor, promotion: Promotion, version: int) -> None:
        kept = RuleSet.objects.filter(pk=form.cleaned_data["set"]).first()
        if kept is None:
            raise NotFound("There is no such rule set.", "Somebody may have removed it. Look at the list again.")
        actions.take(actor, promotion, version, version_of(kept.name, form.cleaned_data["number"]))

    return _change(request, promotion_id, form, take)


@require_POST
def rules_discard(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Forget the draft."""
    return _change(request, promotion_id, VersionForm(request.POST), actions.discard)


@require_POST
def rules_preview(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Let a worker find out what the draft would do."""
    promotion = promotion_of(promotion_id)
    _, job = actions.preview(actor_of(request), promotion)
    enqueue(request, job)
    return redirect("promotion:rules", promotion_id=promotion_id)


@require_http_methods(["GET", "HEAD", "POST"])
def rules_apply(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Ask whether to apply the draft, with the numbers of the preview that fits it. POST lets a worker do it."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    if request.method != "POST":
        return _confirm(request, promotion)
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return _confirm(request, promotion, InvalidInput("The version of the rules is missing.", "Use the button."))
    given = form.cleaned_data
    try:
        _still(promotion, given["run"])
        _, job = actions.apply(actor_of(request), promotion, given["version"])
    except Conflict as error:
        return _confirm(request, promotion, error)
    enqueue(request, job)
    return redirect("promotion:rules", promotion_id=promotion_id)


@require_POST
def rule_undo(request: HttpRequest, promotion_id: int, rule_id: uuid.UUID) -> HttpResponse:
    """Let a worker undo one applied rule on every event."""
    require(request.user, MANAGE)
    _, job = actions.undo(actor_of(request), promotion_of(promotion_id), str(rule_id))
    enqueue(request, job)
    return redirect("promotion:rules", promotion_id=promotion_id)


def _on(action: Callable[[Actor, Promotion, int, str], None], rule_id: uuid.UUID) -> Act:
    """Return `action` on one rule."""
    return lambda actor, promotion, version: action(actor, promotion, version, str(rule_id))


def _change(request: HttpRequest, promotion_id: int, form: forms.Form, act: Act) -> HttpResponse:
    """Do what a button of the list asks for; what cannot be done is said above the list as it is now."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    if not form.is_valid():
        return _page(request, promotion, InvalidInput("Nothing was changed.", "Use the buttons of the list."))
    try:
        act(actor_of(request), promotion, form.cleaned_data["version"])
    except (Conflict, InvalidInput, NotFound) as error:
        return _page(request, promotion, error)
    return _page(request, promotion) if _swaps(request) else redirect("promotion:rules", promotion_id=promotion_id)


def _page(request: HttpRequest, promotion: Promotion, error: PromotionError | None = None) -> HttpResponse:
    """The whole page; to htmx what changes while a job runs, or the list that a button has changed."""
    context = page(request, promotion) | {"error": error}
    template = "rules" if not _swaps(request) else "_polled" if request.method == "GET" else "_changed"
    status = 200 if error is None else 422 if isinstance(error, InvalidInput) else 409
    answer = render(request, f"{FOLDER}/{template}.html", context, status=status)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _confirm(request: HttpRequest, promotion: Promotion, error: PromotionError | None = None) -> HttpResponse:
    held = RuleList.objects.of(promotion)
    run = _fitting(promotion)
    context: dict[str, Any] = {
        "promotion": promotion,
        "rules": held,
        "enabled": [each for each in actions.drafted(held) if each["enabled"]],
        "nothing": held.draft is None and not held.applied,
        "run": run,
        "counts": run.counts if run is not None else {},
        "count": events_changed(run) if run is not None else 0,
        "refused": refused(run) if run is not None else 0,
        "total": promotion.events.readable(),
        "busy": promotion.jobs.active().exists(),
        "error": error,
    }
    status = 200 if error is None else 409 if isinstance(error, Conflict) else 422
    return render(request, f"{FOLDER}/apply.html", context, status=status)


def _still(promotion: Promotion, run: uuid.UUID | None) -> None:
    """Refuse numbers that somebody has confirmed and that are no longer right."""
    now = _fitting(promotion)
    if run is not None and (now is None or now.pk != run):
        raise Conflict(
            "The numbers that you confirmed are no longer right: somebody changed the rules or an event meanwhile.",
            "Nothing was applied. Preview the rules again.",
        )


def _fitting(promotion: Promotion) -> RulePass | None:
    """Return the newest pass where it is a preview of the draft as it is now."""
    run = newest_pass(promotion)
    draft = actions.drafted(RuleList.objects.of(promotion))
    return run if run is not None and fits(run, draft, promotion) else None


def _swaps(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers
