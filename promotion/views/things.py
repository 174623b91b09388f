"""Pick by thing: choose an API, a role, a config, and keep, include or exclude all that belongs together with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from promotion.actions import gather as actions
from promotion.actions.amend import may_be_amended
from promotion.actions.gather import Missing
from promotion.actions.masking import Masks
from promotion.domain.identity import Identity
from promotion.errors import Conflict, InvalidInput, NotFound
from promotion.forms.things import REF_LENGTH, GatheredForm, GatherForm, ThingFilterForm
from promotion.models import Promotion
from promotion.models.patience import TooSlow
from promotion.policy import MANAGE, VIEW, Actor, may, require
from promotion.views import undo
from promotion.views.later import in_time, later
from promotion.views.paging import PAGE
from promotion.views.sensitive import masks_of, told

FOLDER = "promotion/things"


def things(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the things of a kind, or what is gathered around one of them. POST changes the gathered events."""
    require(request.user, MANAGE if request.method == "POST" else VIEW)
    promotion = Promotion.objects.with_environments().filter(pk=promotion_id).first()
    if promotion is None:
        raise NotFound(f"There is no promotion {promotion_id}.", "The list of promotions shows those there are.")
    if request.method == "POST":
        return _change(request, promotion)
    show = _gathered if "thing" in request.GET else _list
    try:
        with in_time(request):
            return show(request, promotion)
    except TooSlow:
        return later(request, promotion, "Pick by thing")


def _list(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    kinds, alone = actions.kinds(promotion)
    form = ThingFilterForm(request.GET, kinds)
    kind = form.cleaned_data["kind"] if form.is_valid() else ""
    masks = masks_of(request, promotion)
    page = _page(request, promotion, kind, form.cleaned_data["text"], masks) if kind else None
    context = {**_common(request, promotion), "form": form, "kinds": kinds, "alone": alone, "kind": kind, "page": page}
    context |= told(request, promotion, masks, "things", kind=kind)
    return render(request, f"{FOLDER}/list.html", context, status=200 if form.is_valid() else 422)


def _gathered(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    form = GatherForm(request.GET)
    chosen, found = _gather(promotion, form)
    parts = form.cleaned_data["parts"] != "no"
    other = {"kind": chosen.aggregate, "thing": form.cleaned_data["thing"], "parts": "no" if parts else "yes"}
    masks = masks_of(request, promotion)
    missing = [Missing(masks.identity(each.identity), masks.identity(each.wanted_by)) for each in found.missing]
    context = {
        **_common(request, promotion),
        "chosen": masks.identity(chosen),
        "found": found,
        "things": [replace(each, identity=masks.identity(each.identity)) for each in found.things.values()],
        "missing": missing,
        **told(request, promotion, masks, "things", things=len(found.things)),
        "parts": parts,
        "ref": form.cleaned_data["thing"],
        "other_url": f"{request.path}?{urlencode(other)}",
        "keep": promotion.events.outgoing().count() - found.included,
        "undo": undo.take(request, promotion),
    }
    return render(request, f"{FOLDER}/gathered.html", context)


def _change(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    form = GatheredForm(request.POST)
    _, found = _gather(promotion, form)
    given = form.cleaned_data
    try:
        done = actions.act(cast(Actor, request.user), promotion, found, given["action"], given["count"])
    except Conflict as error:
        messages.error(request, str(error))
    else:
        undo.remember(request, promotion, done, given["action"] != "include")
    query = {"kind": given["kind"], "thing": given["thing"], "parts": given["parts"]}
    return redirect(f"{reverse('promotion:things', args=[promotion.pk])}?{urlencode(query)}")


def _gather(promotion: Promotion, form: GatherForm) -> tuple[Identity, actions.Gathering]:
    if not form.is_valid():
        raise InvalidInput("The address names no thing that could be gathered.", "Choose one from the list of things.")
    chosen = actions.find(promotion, form.cleaned_data["kind"], form.cleaned_data["thing"])
    return chosen, actions.gather(promotion, chosen, parts=form.cleaned_data["parts"] != "no")


@dataclass(frozen=True, slots=True)
class _Page:
    """Things in order, each with its URL, and the URL of those that follow."""

    rows: list[dict[str, Any]]
    next_url: str


def _page(request: HttpRequest, promotion: Promotion, kind: str, text: str, masks: Masks) -> _Page:
    """Return the things after the one that the URL names, whose `ref` is the cursor; unknown ones begin anew.

    Where a value of their names is masked, nothing but the kind itself is found by a text.
    """
    keys = actions.keys_of_kind(promotion, kind)
    found = promotion.events.about_things(keys)
    cursor = request.GET.get("after", "")
    if len(cursor) == REF_LENGTH and cursor.isalnum() and (after := found.thing_with(cursor)):
        found = found.after_thing(after)
    said = found.none() if text and masks.hides(kind) else found.saying(text)
    rows = list(said.by_thing()[: PAGE + 1])
    for row in rows:
        row["identity"] = masks.identity(actions.identity_of_row(row))
        row["url"] = f"{request.path}?{urlencode({'kind': kind, 'thing': row['ref']})}"
    query = request.GET.copy()
    query["after"] = rows[PAGE - 1]["ref"] if len(rows) > PAGE else ""
    return _Page(rows[:PAGE], f"{request.path}?{query.urlencode()}" if len(rows) > PAGE else "")


def _common(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    return {
        "promotion": promotion,
        "may_edit": may(request.user, MANAGE) and promotion.editable,
        "may_amend": may(request.user, MANAGE) and may_be_amended(promotion),
    }
