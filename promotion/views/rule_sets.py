"""Rule sets: the list, one set with its versions, and what release managers change of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from promotion.actions import rule_sets as actions
from promotion.domain.rewrite import to_json
from promotion.errors import Conflict, InvalidInput, NotFound
from promotion.forms.rule_sets import CreateForm, PairForm, RuleSetFilter, VersionForm
from promotion.models import RuleSet, RuleSetVersion
from promotion.policy import MANAGE, VIEW, may, require
from promotion.views.paging import keyset
from promotion.views.rule_set_details import changed_since, described, file_name, text_of, versions_of
from promotion.views.shared import actor_of

FOLDER = "promotion/rule_sets"
#: Sets on the page; a narrower filter shows the others.
MAX_ROWS = 500
PAGE = 20


@require_safe
def rule_sets(request: HttpRequest) -> HttpResponse:
    """Show the sets that fit the filter, archived ones apart."""
    require(request.user, VIEW)
    filters = RuleSetFilter(request.GET)
    found = list(filters.restrict(actions.newest())[: MAX_ROWS + 1])
    context = {
        "filters": filters,
        "rows": [each for each in found if each.rule_set.archived_at is None][:MAX_ROWS],
        "archived": [each for each in found if each.rule_set.archived_at is not None][:MAX_ROWS],
        "more": len(found) > MAX_ROWS,
        "filtered": any(request.GET.get(name) for name in filters.fields),
        "may_change": may(request.user, MANAGE),
    }
    return render(request, f"{FOLDER}/list.html", context)


def create(request: HttpRequest) -> HttpResponse:
    """Take a new set: its rules as text, or a file of ours or of an older importer."""
    require(request.user, MANAGE)
    form = CreateForm(request.POST, request.FILES) if request.method == "POST" else CreateForm()
    if not form.is_valid():
        return render(request, f"{FOLDER}/new.html", {"form": form}, status=422 if form.is_bound else 200)
    given = form.cleaned_data
    try:
        made = _save(request, given["name"], given, given["source"], given["target"])
    except (Conflict, InvalidInput) as error:
        form.add_error(None if isinstance(error, Conflict) else "name", str(error))
        return render(request, f"{FOLDER}/new.html", {"form": form}, status=409 if isinstance(error, Conflict) else 422)
    messages.success(request, f"{made.rule_set.name} is saved. It is proposed for promotions on its way.")
    return redirect(made.rule_set)


@require_safe
def rule_set(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one set: the rules of the newest version, or of the one that `?version=` names, and all versions."""
    require(request.user, VIEW)
    return _page(request, _set(pk))


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Save a next version, which begins as the newest one or as the one that `?version=` names."""
    require(request.user, MANAGE)
    kept = _set(pk)
    newest, chosen = actions.version_of(kept.name), _version(request, kept)
    if request.method != "POST":
        form = VersionForm(initial={"rules": text_of(chosen), "expected": newest.number + 1})
        return _form(request, kept, newest, form)
    form = VersionForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, kept, newest, form)
    try:
        made = _save(request, kept.name, form.cleaned_data, kept.source, kept.target)
    except Conflict as error:
        return _form(request, kept, actions.version_of(kept.name), form, error)
    said = f"Version {made.number} is saved." if made.number > newest.number else "Nothing changed: it stood so."
    messages.success(request, said)
    return redirect(kept)


@require_POST
def pair(request: HttpRequest, pk: int) -> HttpResponse:
    """Say for which promotions the set is meant."""
    require(request.user, MANAGE)
    kept, form = _set(pk), PairForm(request.POST)
    if not form.is_valid():
        return _page(request, kept, form)
    actions.mean_for(actor_of(request), kept, form.cleaned_data["source"], form.cleaned_data["target"])
    messages.success(request, f"It is saved whom {kept.name} is meant for.")
    return redirect(kept)


@require_POST
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose the set no longer; with `bring_back` propose it again."""
    require(request.user, MANAGE)
    kept, back = _set(pk), "bring_back" in request.POST
    actions.archive(actor_of(request), kept, not back)
    messages.success(request, f"{kept.name} is {'proposed again' if back else 'archived: it is proposed no longer'}.")
    return redirect(kept)


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponse:
    """Download the newest version as JSON, or the one that `?version=` names."""
    require(request.user, VIEW)
    version = _version(request, _set(pk))
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(version)}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HttpResponse(actions.to_file(version), content_type="application/json", headers=headers)


def _save(request: HttpRequest, name: str, given: dict[str, Any], source: Any, target: Any) -> RuleSetVersion:
    rules, note, expected = to_json(given["rules"].rules), given["note"], given["expected"]
    made = actions.save(actor_of(request), name, rules, source=source, target=target, note=note, expected=expected)
    for said in given["rules"].notes:
        messages.warning(request, said)
    return made


def _page(request: HttpRequest, kept: RuleSet, pair_form: PairForm | None = None) -> HttpResponse:
    version = _version(request, kept)
    page = keyset(request, kept.versions.select_related("author"), ("-number",), PAGE, kept.get_absolute_url())
    sides = {"source": kept.source and kept.source.name, "target": kept.target and kept.target.name}
    context = {
        "kept": kept,
        "version": version,
        "newest": version if "version" not in request.GET else actions.version_of(kept.name),
        "rules": described(version),
        "page": page,
        "versions": versions_of(kept, page.rows),
        "pair_form": pair_form or PairForm(initial=sides),
        "may_change": may(request.user, MANAGE),
    }
    return render(request, f"{FOLDER}/rule_set.html", context, status=422 if pair_form else 200)


def _form(
    request: HttpRequest, kept: RuleSet, newest: RuleSetVersion, form: VersionForm, error: Conflict | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "kept": kept,
        "newest": newest,
        "form": form,
        "error": error,
        "expected": newest.number + 1,
    }
    if error is not None:
        context["differences"] = changed_since(newest, form.cleaned_data["rules"])
    status = 409 if error else 422 if form.is_bound else 200
    return render(request, f"{FOLDER}/edit.html", context, status=status)


def _set(pk: int) -> RuleSet:
    found = RuleSet.objects.select_related("source", "target").filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such rule set.", "The list of rule sets shows those there are.")
    return found


def _version(request: HttpRequest, kept: RuleSet) -> RuleSetVersion:
    number = request.GET.get("version", "")
    if not number:
        return actions.version_of(kept.name)
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise NotFound("There is no such version.", "The page of the rule set shows those there are.")
    return actions.version_of(kept.name, int(number))
