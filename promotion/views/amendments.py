"""Amend what was replayed: choose events or things, and read the story of a promotion from its originals on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from promotion.actions import amend as actions
from promotion.actions.amend_types import actions_of
from promotion.actions.amendments import keep_values
from promotion.actions.approach import switch
from promotion.actions.gather import find
from promotion.actions.story import story as story_of
from promotion.domain.identity import Identity
from promotion.domain.marks import HIDDEN
from promotion.domain.masks import refuse_masks
from promotion.errors import Conflict, InvalidInput, NotFound
from promotion.forms.amendments import AmendForm, ApproachForm, KindForm, ThingForm
from promotion.forms.events import EventFilterForm, VersionForm
from promotion.models import Event, EventType, Promotion
from promotion.models.event import MOST_IDS, EventQuerySet
from promotion.policy import MANAGE, VIEW, may, require
from promotion.states import Approach
from promotion.views.sensitive import masks_of, told, visible_matches
from promotion.views.shared import actor_of, enqueue, promotion_of

FOLDER = "promotion/amendments"


@require_http_methods(["GET", "HEAD", "POST"])
def amend(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show what can be amended; POST asks a worker for proposals and leads to their round."""
    require(request.user, MANAGE if request.method == "POST" else VIEW)
    promotion = promotion_of(promotion_id)
    if request.method == "POST":
        return _ask(request, promotion)
    if promotion.amends_id is not None:
        return redirect("promotion:amend", promotion_id=promotion.amends_id)
    return render(request, f"{FOLDER}/amend.html", _context(request, promotion, _thing_of(request, promotion)))


@require_safe
def story(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show in order what was replayed and how it was amended; a round shows the story that it is a part of."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    if promotion.amends_id is not None:
        return redirect("promotion:story", promotion_id=promotion.amends_id)
    masks = masks_of(request, promotion)
    context = {**_common(request, promotion), "chapters": story_of(promotion, masks)}
    context |= told(request, promotion, masks, "story")
    return render(request, f"{FOLDER}/story.html", context)


@require_POST
def keep(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Take the values that were made up to fit an amendment's type as meant."""
    require(request.user, MANAGE)
    event = Event.objects.select_related("promotion", "schema", "revision__schema").defer("document")
    found = event.filter(promotion=promotion_id, pk=event_id).first()
    if found is None:
        raise NotFound("There is no such event in this promotion.", "The list of events shows those there are.")
    form = VersionForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("The version of the event is missing.", "Use the buttons of the event's page.")
    try:
        keep_values(actor_of(request), found, form.cleaned_data["version"])
    except Conflict as error:
        messages.error(request, f"{error.message} Nothing was changed: this is the event as it is now.")
    else:
        messages.success(request, "The values go out as they stand.")
    return redirect(found)


@require_POST
def approach(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Let the promotion take the other approach."""
    require(request.user, MANAGE)
    form = ApproachForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("The approach is missing.", "Use the button of the promotion's page.")
    changed = switch(actor_of(request), promotion_of(promotion_id), Approach(form.cleaned_data["approach"]))
    messages.success(request, f"The approach is now: {changed.get_approach_display()}.")
    return redirect(changed)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The kind of thing that the page asks for, and the form with its ids; None where no kind was chosen."""

    kinds: KindForm
    form: ThingForm | None


def _thing_of(request: HttpRequest, promotion: Promotion) -> _Chosen:
    paths = EventType.objects.identities()
    kinds = KindForm(request.GET, _kinds(paths))
    kind = kinds.cleaned_data["kind"] if kinds.is_valid() else ""
    if not kind:
        return _Chosen(kinds, None)
    initial: dict[str, str] = {}
    if ref := kinds.cleaned_data["thing"]:
        thing = masks_of(request, promotion).identity(find(promotion, kind, ref))
        initial = {"thing": ref} | {f"value_{number}": value for number, value in enumerate(thing.values)}
    return _Chosen(kinds, ThingForm(None, kind, paths[kind], actions_of(kind), initial))


def _kinds(paths: Iterable[str]) -> list[str]:
    """The kinds of things that some type which may travel can amend."""
    may_travel = set(EventType.objects.promotable().values_list("aggregate", flat=True))
    return sorted(may_travel.intersection(paths))


def _ask(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    asked = _named(request, promotion) if "kind" in request.POST else _events(request, promotion)
    if isinstance(asked, HttpResponse):
        return asked
    amendments, job = actions.propose(actor_of(request), promotion, asked)
    enqueue(request, job)
    return redirect(amendments)


def _events(request: HttpRequest, promotion: Promotion) -> actions.Asked:
    form = AmendForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("These are not events that could be amended.", "Choose them on the receipt, then amend.")
    given = form.cleaned_data
    ids = given["event"]
    if given["everything"]:
        found = _matching(request, promotion, QueryDict(given["query"]))
        ids = list(found.order_by().values_list("pk", flat=True)[: MOST_IDS + 1])
        if len(ids) != given["count"]:
            raise Conflict(f"{len(ids):,} events match now, not {given['count'] or 0:,}.", "Look at the list again.")
    return actions.Asked(ids, action=given["action"])


def _named(request: HttpRequest, promotion: Promotion) -> actions.Asked | HttpResponse:
    paths = EventType.objects.identities()
    kind = request.POST["kind"]
    if kind not in paths:
        raise NotFound("There is no such kind of thing.", "Choose one from the list.")
    form = ThingForm(request.POST, kind, paths[kind], actions_of(kind))
    if form.is_valid():
        try:
            asked = actions.Asked(things=[_identity(promotion, kind, form)], action=form.cleaned_data["action"])
            asked.check()
        except InvalidInput as error:
            form.add_error(None, str(error))
        else:
            return asked
    kinds = KindForm({"kind": kind}, [kind])
    context = _context(request, actions.root_of(promotion), _Chosen(kinds, form))
    return render(request, f"{FOLDER}/amend.html", context, status=422)


def _identity(promotion: Promotion, kind: str, form: ThingForm) -> Identity:
    """The thing that the form names; a mask stands for the value of the thing that was chosen. Raises InvalidInput."""
    given, ref = form.given(), form.cleaned_data["thing"]
    if HIDDEN in given and ref:
        values = find(promotion, kind, ref).values
        given = tuple(known if text == HIDDEN else text for text, known in zip(given, values, strict=False))
    refuse_masks(list(given))
    return Identity(kind, given)


def _matching(request: HttpRequest, promotion: Promotion, query: QueryDict) -> EventQuerySet:
    found = visible_matches(promotion, EventFilterForm(query, promotion), masks_of(request, promotion))
    if found is None:
        raise InvalidInput("The filter in the address cannot be used.", "Set it again on the list of events.")
    return found.outgoing()


def _context(request: HttpRequest, promotion: Promotion, chosen: _Chosen) -> dict[str, Any]:
    query = QueryDict(mutable=True)
    for name in EventFilterForm.base_fields:
        if value := request.GET.get(name, ""):
            query[name] = value
    number = _matching(request, promotion, query).order_by().count()
    return {
        **_common(request, promotion),
        "kinds": chosen.kinds,
        "thing_form": chosen.form,
        "form": AmendForm(),
        "filter": EventFilterForm(query, promotion),
        "query": query.urlencode(),
        "number": number,
        "too_many": number > MOST_IDS,
        "most": MOST_IDS,
        "receipt_url": reverse("promotion:receipt", args=[promotion.pk]),
        "events_url": f"{reverse('promotion:events', args=[promotion.pk])}?{urlencode(query)}",
    }


def _common(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    manager = may(request.user, MANAGE)
    return {
        "promotion": promotion,
        "may_manage": manager,
        "may_amend": manager and actions.may_be_amended(promotion),
        "amendable": actions.may_be_amended(promotion),
        "open": actions.open_round(promotion),
    }
