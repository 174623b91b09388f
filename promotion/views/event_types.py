"""The catalogue of event types: what may travel, who decided, and why."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from promotion.actions import curate, key_fields, sensitive_fields
from promotion.domain.schema import parse
from promotion.errors import InvalidInput, NotFound
from promotion.forms.event_types import DecideForm, EventTypeFilter, KeyFieldsForm, SensitiveFieldsForm
from promotion.models import EventType, ExportCount
from promotion.policy import CURATE, VIEW, Actor, may, require
from promotion.states import Decision

#: Rows on the page; a topic may bring types without end, and a narrower filter shows them.
MAX_ROWS = 1_000


@require_safe
def event_types(request: HttpRequest) -> HttpResponse:
    """Show the types that fit the filter, undecided ones first."""
    require(request.user, VIEW)
    return _list(request, request.GET, DecideForm())


@require_safe
def event_type(request: HttpRequest, full_name: str) -> HttpResponse:
    """Show one type: fields, proposal, sightings, decisions."""
    require(request.user, VIEW)
    return _detail(request, full_name, DecideForm())


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Decide about the types that are ticked; what cannot be taken comes back as it was typed."""
    require(request.user, CURATE)
    form, detail, query = DecideForm(request.POST), request.POST.get("detail", ""), _query(request)
    if not form.is_valid():
        return _detail(request, detail, form) if detail else _list(request, query, form)
    decision = Decision(form.cleaned_data["decision"])
    names: list[str] = form.cleaned_data["names"]
    changed = curate.decide(request.user, names, decision, form.cleaned_data["reason"])  # type: ignore[arg-type]
    messages.success(request, _done(decision, len(set(names)), changed))
    if detail:
        return redirect("promotion:event_type", full_name=detail)
    return redirect(f"{reverse('promotion:event_types')}?{query.urlencode()}")


@require_POST
def keys(request: HttpRequest) -> HttpResponse:
    """Correct the key fields of a type or of its aggregate, or go back to what was proposed."""
    require(request.user, CURATE)
    form = KeyFieldsForm(request.POST)
    name = request.POST.get("name", "")
    if not form.is_valid():
        return _detail(request, name, DecideForm(), form)
    given = form.cleaned_data
    try:
        changed = _change_keys(request, given)
    except InvalidInput as error:
        for problem in error.problems or [str(error)]:
            form.add_error("paths", problem)
        return _detail(request, name, DecideForm(), form)
    types = "1 event type" if changed == 1 else f"{changed:,} event types"
    messages.success(request, f"The key fields of {types} changed." if changed else "Nothing changed: they stood so.")
    return redirect("promotion:event_type", full_name=given["name"])


def _change_keys(request: HttpRequest, given: dict[str, Any]) -> int:
    """Do what the valid form says; return how many types changed."""
    actor = cast(Actor, request.user)
    corrects, whole = given["make"] == "correction", given["scope"] == "aggregate"
    paths = given["paths"] if corrects else []
    names = key_fields.kin_with(given["name"], paths) if whole else [given["name"]]
    if corrects:
        return key_fields.correct(actor, names, paths, given["keys_reason"])
    return key_fields.back_to_proposal(actor, names, given["keys_reason"])


@require_POST
def sensitive(request: HttpRequest) -> HttpResponse:
    """Correct which fields of a type are masked, or go back to what was proposed."""
    require(request.user, CURATE)
    form = SensitiveFieldsForm(request.POST)
    name = request.POST.get("name", "")
    if not form.is_valid():
        return _detail(request, name, DecideForm(), sensitive_form=form)
    try:
        changed = _change_sensitive(request, form.cleaned_data)
    except InvalidInput as error:
        for problem in error.problems or [str(error)]:
            form.add_error("paths", problem)
        return _detail(request, name, DecideForm(), sensitive_form=form)
    messages.success(request, "The sensitive fields changed." if changed else "Nothing changed: they stood so.")
    return redirect("promotion:event_type", full_name=form.cleaned_data["name"])


def _change_sensitive(request: HttpRequest, given: dict[str, Any]) -> int:
    actor, names, reason = cast(Actor, request.user), [given["name"]], given["sensitive_reason"]
    if given["make"] == "correction":
        return sensitive_fields.correct(actor, names, given["paths"], reason)
    return sensitive_fields.back_to_proposal(actor, names, reason)


def _query(request: HttpRequest) -> QueryDict:
    return QueryDict(request.POST.get("query", ""))


def _done(decision: Decision, named: int, changed: int) -> str:
    types = "1 event type" if named == 1 else f"{named:,} event types"
    same = f" {named - changed:,} of them stood so before, for the same reason." if changed < named else ""
    return f"{types}: {decision.label.lower()}.{same}"


def _list(request: HttpRequest, query: QueryDict, decide_form: DecideForm) -> HttpResponse:
    sightings = ExportCount.objects.sightings()
    filters = EventTypeFilter(query, sightings)
    types = filters.types()
    rows = list(types.select_related("decided_by")[: MAX_ROWS + 1])
    context: dict[str, Any] = {
        "filters": filters,
        "query": query.urlencode(),
        "rows": [(each, sightings.get(each.full_name, {})) for each in _urgent_first(rows[:MAX_ROWS], sightings)],
        "found": len(rows) if len(rows) <= MAX_ROWS else types.count(),
        "counts": [(Decision(name), number) for name, number in EventType.objects.decision_counts().items()],
        "decide_form": decide_form,
        "problems": [message for each in decide_form.errors.values() for message in each],
        "selected": set(decide_form.data.getlist("names")) if isinstance(decide_form.data, QueryDict) else set(),
        "may_decide": may(request.user, CURATE),
    }
    return render(request, "promotion/event_types/list.html", context, status=422 if decide_form.errors else 200)


def _urgent_first(rows: list[EventType], sightings: dict[str, dict[str, int]]) -> list[EventType]:
    """The undecided types that events were really met of wait most; the rest keeps its order."""
    return sorted(rows, key=lambda each: each.decision != Decision.UNDECIDED or each.full_name not in sightings)


def _detail(
    request: HttpRequest,
    full_name: str,
    decide_form: DecideForm,
    keys_form: KeyFieldsForm | None = None,
    sensitive_form: SensitiveFieldsForm | None = None,
) -> HttpResponse:
    known = "\0" not in full_name
    related = ("schema", "decided_by", "key_fields_by", "sensitive_fields_by")
    found = EventType.objects.select_related(*related).filter(full_name=full_name).first() if known else None
    if found is None:
        raise NotFound("There is no such event type.", "The list of event types shows those there are.")
    context = {
        "type": found,
        "fields": parse(found.schema.text).fields,
        "seen": ExportCount.objects.filter(type_name=full_name).sightings().get(full_name, {}),
        "decisions": found.decisions.select_related("decided_by"),
        "decide_form": decide_form,
        "problems": [message for each in decide_form.errors.values() for message in each],
        "keys_form": keys_form or KeyFieldsForm(initial={"name": full_name, "paths": " ".join(found.identity_fields)}),
        "sensitive_form": sensitive_form
        or SensitiveFieldsForm(initial={"name": full_name, "paths": " ".join(found.masked_fields)}),
        "may_decide": may(request.user, CURATE),
    }
    wrong = decide_form.errors or (keys_form and keys_form.errors) or (sensitive_form and sensitive_form.errors)
    return render(request, "promotion/event_types/detail.html", context, status=422 if wrong else 200)
