"""Environments: the list, one environment, and the draft that is tested before it is saved."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from promotion import jobs
from promotion.actions import environments as actions
from promotion.actions.environment_schemas import counts
from promotion.errors import Conflict, Unreachable
from promotion.forms.environments import EnvironmentForm
from promotion.models import Environment, EnvironmentDraft, PromotionJob
from promotion.models.environment import SchemaSource
from promotion.policy import ENVIRONMENTS, VIEW, Actor, may, require
from promotion.views.environment_details import described, differences, health_chips, parts, problems, warnings

FOLDER = "promotion/environments"


@require_safe
def environments(request: HttpRequest) -> HttpResponse:
    """Show all environments in the order of the pipeline."""
    require(request.user, VIEW)
    rows = [{"environment": each, "health": health_chips(each.check_findings)} for each in Environment.objects.all()]
    return render(request, f"{FOLDER}/list.html", {"rows": rows, "may_change": may(request.user, ENVIRONMENTS)})


@require_safe
def environment(request: HttpRequest, name: str) -> HttpResponse:
    """Show one environment: its settings, and what the last check found."""
    require(request.user, VIEW)
    shown = get_object_or_404(Environment, name=name)
    context = {
        "environment": shown,
        "described": described(shown, shown.check_findings),
        "warnings": warnings(shown),
        "no_schemas": shown.schema_source == SchemaSource.SET and not counts(shown)["schemas"],
        "may_change": may(request.user, ENVIRONMENTS),
    }
    return render(request, f"{FOLDER}/environment.html", context)


def create(request: HttpRequest) -> HttpResponse:
    """Take a new environment and have it tested."""
    require(request.user, ENVIRONMENTS)
    form = EnvironmentForm(request.POST if request.method == "POST" else None)
    return _take(request, form, None, request.path)


def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Take changes of an environment and have them tested."""
    require(request.user, ENVIRONMENTS)
    environment = get_object_or_404(Environment, name=name)
    form = EnvironmentForm(
        request.POST if request.method == "POST" else None,
        instance=get_object_or_404(Environment, name=name),
        stored=actions.stored_secrets(environment),
        version=environment.version,
    )
    return _take(request, form, environment, request.path)


def draft(request: HttpRequest, draft_id: uuid.UUID) -> HttpResponse:
    """Show how the test of a draft goes and what it found; `?edit` goes on with the form."""
    require(request.user, ENVIRONMENTS)
    draft = get_object_or_404(EnvironmentDraft.objects.select_related("environment"), pk=draft_id)
    job = draft.jobs.first()
    if not draft.saved_at and (request.method == "POST" or "edit" in request.GET or job is None):
        return _edit_again(request, draft)
    if draft.saved_at and (job is None or not job.active):
        return _saved(request, draft, job)
    template = "_draft.html" if request.headers.get("HX-Request") else "draft.html"
    return render(request, f"{FOLDER}/{template}", _progress(draft, job))


@require_POST
def save_untested(request: HttpRequest, draft_id: uuid.UUID) -> HttpResponse:
    """Save a draft without waiting for a test, or against its result."""
    draft = get_object_or_404(EnvironmentDraft, pk=draft_id)
    try:
        saved = actions.save_untested(_actor(request), draft)
    except Conflict as error:
        messages.error(request, str(error))
        return redirect("promotion:environment_draft", draft_id=draft_id)
    messages.warning(request, f"{saved.name} is saved as you typed it, although no check of it went well.")
    return redirect(saved)


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponse:
    """Have a worker test a saved environment again."""
    job = actions.check_again(_actor(request), get_object_or_404(Environment, name=name))
    return _started(request, job)


def _take(
    request: HttpRequest,
    form: EnvironmentForm,
    environment: Environment | None,
    action: str,
    *,
    unsaved: bool = False,
) -> HttpResponse:
    """Start the test of a valid form; show the form else, keeping the secrets that were typed."""
    actor = _actor(request)
    if form.is_valid():
        job = actions.try_out(actor, form.settings, form.secrets, environment, form.version_now)
        return _started(request, job)
    if form.is_bound and form.typed:
        held = actions.hold(actor, form, environment)
        action = reverse("promotion:environment_draft", args=[held.pk])
        form.say_held()
    context = {
        "form": form,
        "environment": environment,
        "action": action,
        "unsaved": unsaved or form.is_bound,
        "differences": differences(environment, form.settings) if environment and form.conflict else [],
        "parts": parts(form),
    }
    return render(request, f"{FOLDER}/form.html", context, status=422 if form.is_bound else 200)


def _edit_again(request: HttpRequest, draft: EnvironmentDraft) -> HttpResponse:
    """Go on with the form of a draft, on top of what the environment is by now."""
    environment = draft.environment
    instance = Environment(pk=draft.environment_id, **draft.fields)
    instance._state.adding = environment is None  # else its own name would be taken
    form = EnvironmentForm(
        request.POST if request.method == "POST" else None,
        instance=instance,
        stored=actions.stored_secrets(draft),
        version=environment.version if environment else None,
    )
    if not form.is_bound:
        form.show(problems(draft.findings))
    return _take(request, form, environment, request.path, unsaved=True)


def _progress(draft: EnvironmentDraft, job: PromotionJob | None) -> dict[str, Any]:
    environment = draft.environment
    conflict = bool(environment and not draft.saved_at and environment.version != draft.environment_version)
    return {
        "draft": draft,
        "job": job,
        "conflict": conflict,
        "differences": differences(environment, draft.fields) if environment and conflict else [],
        "described": described(Environment(**draft.fields), draft.findings),
        "failed": draft.kafka_error or draft.registry_error,
    }


def _saved(request: HttpRequest, draft: EnvironmentDraft, job: PromotionJob | None) -> HttpResponse:
    """Lead on to the environment, saying how its check went."""
    environment = draft.environment
    assert environment is not None
    if job and job.error:
        messages.error(request, f"The check of {environment.name} found a fault.")
    else:
        messages.success(request, f"{environment.name} was tested and is saved: {_well(environment)}")
    url = environment.get_absolute_url()
    return HttpResponseClientRedirect(url) if request.headers.get("HX-Request") else redirect(url)


def _well(environment: Environment) -> str:
    """Return what a check that went well has found."""
    if environment.schema_source == SchemaSource.REGISTRY:
        return "Kafka and registry answer."
    return (
        "Kafka answers."
        if counts(environment)["schemas"]
        else "Kafka answers. Give its schemas now: without them nothing can be read."
    )


def _started(request: HttpRequest, job: PromotionJob) -> HttpResponse:
    try:
        jobs.enqueue(job)
    except Unreachable as error:
        messages.warning(request, str(error))
    return redirect("promotion:environment_draft", draft_id=job.draft_id)


def _actor(request: HttpRequest) -> Actor:
    require(request.user, ENVIRONMENTS)
    return cast(Actor, request.user)
