"""The events of a promotion: the list, one event, and what people change of what goes out."""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from promotion.actions import edit as actions
from promotion.actions import search_index
from promotion.actions.amend import may_be_amended
from promotion.actions.masking import WHO
from promotion.domain.json_codec import DoesNotFit
from promotion.errors import Conflict, InvalidInput, NotFound, Refused
from promotion.forms.events import EditForm, EventFilterForm, SelectForm, VersionForm
from promotion.models import Event, Promotion
from promotion.models.event import IN_ORDER, EventFilter, EventQuerySet
from promotion.models.patience import TooSlow
from promotion.policy import MANAGE, VIEW, may, require
from promotion.states import Approach, Origin
from promotion.views import undo as undoing
from promotion.views.amendment_details import about as amendments_of
from promotion.views.counting import answer as answer_count
from promotion.views.counting import number_of
from promotion.views.event_page import describe, problems_of, theirs_and_yours
from promotion.views.later import in_time, later
from promotion.views.looking import SHORTEST, look_for
from promotion.views.paging import keyset, neighbours, position
from promotion.views.sensitive import masks_of, told, visible_filter, visible_matches
from promotion.views.shared import actor_of, promotion_of

FOLDER = "promotion/events"
#: Of the columns of an event, those that the list does not show and that may be large.
LARGE = ("key", "value", "headers", "document")
#: Seconds that the page of an event takes at most to find the events before and after it, each.
NEIGHBOUR_SECONDS = 0.3


@require_safe
def events(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Show the events that the filter of the URL describes, a page of them."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    form, masks = EventFilterForm(request.GET, promotion), masks_of(request, promotion)
    wanted = visible_filter(promotion, form, masks)
    asked = EventFilter() if wanted is None else wanted

    def shown(events: EventQuerySet) -> EventQuerySet:
        return masks.search(events, asked.text).prefetch_related("event_type").defer(*LARGE)

    found = shown(promotion.events.none() if wanted is None else promotion.events.matching(wanted))
    page = keyset(request, found, IN_ORDER, look=look_for(promotion, asked, shown))
    number, more = number_of(found, page, cheap=not asked.by_text)
    query = filter_of(request.GET)
    context = {
        **_common(request, promotion),
        "form": form,
        "page": page,
        "number": number,
        "more": more,
        "count_url": url_with(reverse("promotion:events_count", args=[promotion.pk]), query),
        "unsearchable": _unsearchable(promotion, asked) if page.stopped else "",
        "query": query.urlencode(),
        "undo": undoing.take(request, promotion) if _whole(request) else None,
        **told(request, promotion, masks, "events", events=len(page.rows)),
    }
    name = "list" if _whole(request) else "_rows"
    answer = render(request, f"{FOLDER}/{name}.html", context, status=200 if wanted else 422)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


@require_safe
def count(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Say how many events the filter of the URL describes, exactly; the list loads it where it takes a moment."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    return answer_count(request, _matching(request, promotion, filter_of(request.GET)))


def select(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Exclude or include the chosen events. GET asks whether to do so with all that match the filter."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    if request.method != "POST":
        return _ask(request, promotion)
    form = SelectForm(request.POST)
    query = filter_of(QueryDict(request.POST.get("query", "")[:8_000]))
    back = url_with(reverse("promotion:events", args=[promotion.pk]), query)
    if not form.is_valid():
        messages.error(
            request, "Nothing was changed. " + " ".join(str(said) for each in form.errors.values() for said in each)
        )
        return redirect(back)
    try:
        _exclude_chosen(request, promotion, form.cleaned_data, query)
    except Conflict as error:
        messages.error(request, str(error))
    return redirect(back)


def _ask(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    form = EventFilterForm(request.GET, promotion)
    masks = masks_of(request, promotion)
    found = visible_matches(promotion, form, masks)
    exclude = request.GET.get("action") == "exclude"
    query = filter_of(request.GET)
    if found is None or request.GET.get("action") not in {"exclude", "include"}:
        return redirect(url_with(reverse("promotion:events", args=[promotion.pk]), query))
    try:
        with in_time(request):
            numbers = found.numbers(exclude)
    except TooSlow:
        return later(request, promotion, f"{'Exclude' if exclude else 'Include'} events")
    context = {**_common(request, promotion), "form": form, "query": query.urlencode(), **numbers}
    context |= {"action": "exclude" if exclude else "include", **told(request, promotion, masks, "choose events")}
    return render(request, f"{FOLDER}/select.html", context)


def _exclude_chosen(request: HttpRequest, promotion: Promotion, given: dict[str, Any], query: QueryDict) -> None:
    exclude = given["action"] == "exclude"
    if given["everything"]:
        chosen, expected = _matching(request, promotion, query), given["count"]
    else:
        chosen, expected = promotion.events.filter(pk__in=given["event"]), None
    done = actions.exclude_matching(actor_of(request), promotion, chosen, exclude, expected)
    undoing.remember(request, promotion, done, exclude)


@require_safe
def event(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Show one event: original and outgoing, its history, and the editor for those who may."""
    require(request.user, VIEW)
    return _page(request, _event(promotion_id, event_id))


@require_safe
def raw(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Download the value's bytes as they were read."""
    require(request.user, VIEW)
    found = _event(promotion_id, event_id)
    masks = masks_of(request, found.promotion)
    if not masks.bytes_of(found):
        raise Refused("The bytes hold values of sensitive fields.", WHO)
    told(request, found.promotion, masks, "bytes", event=str(found))
    name = f"promotion-{promotion_id}-{found.partition}-{found.offset}.bin"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(bytes(found.value), content_type="application/octet-stream", headers=headers)


@require_POST
def edit(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Save what was typed as the outgoing event; what cannot be saved comes back as it was typed."""
    require(request.user, MANAGE)
    found = _event(promotion_id, event_id)
    form = EditForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form)
    text, version = form.cleaned_data["outgoing"], form.cleaned_data["version"]
    try:
        changed = actions.edit(actor_of(request), found, version, text)
    except actions.EditConflict as conflict:
        return _conflict(request, _event(promotion_id, event_id), text, conflict)
    except InvalidInput as error:
        return _page(request, found, form, error)
    same = changed.version == version
    said = "Nothing was changed: the text is what goes out already." if same else "Saved."
    return _after_saving(request, found, f"Event {found}: {said}" if request.POST.get("then") == "next" else said)


def _after_saving(request: HttpRequest, saved: Event, said: str) -> HttpResponse:
    """Show the event again, or the next one that the filter has where the person asked for it."""
    query = filter_of(request.GET)
    onward = None
    if request.POST.get("then") == "next":
        _, onward = _around(request, saved, query)
        said += "" if onward else " It was the last one."
    messages.success(request, said)
    return redirect(url_with((onward or saved).get_absolute_url(), query))


@require_POST
def check(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Say as JSON which problems saving the text would meet, and the event's version now; nothing is changed."""
    require(request.user, MANAGE)
    found = _event(promotion_id, event_id)
    form = EditForm({"outgoing": request.POST.get("outgoing", ""), "version": found.version})
    if not form.is_valid():
        said = [str(each) for errors in form.errors.values() for each in errors]
        return JsonResponse({"problems": [{"path": "", "message": each} for each in said]}, status=422)
    try:
        actions.encoded(found, form.cleaned_data["outgoing"])
    except DoesNotFit as error:
        return JsonResponse({"problems": problems_of(error), "version": found.version})
    except InvalidInput as error:
        return JsonResponse({"problems": [{"path": "", "message": str(error)}], "version": found.version})
    return JsonResponse({"problems": [], "version": found.version})


@require_POST
def undo(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Go back to the version before the current one."""
    return _step(request, promotion_id, event_id, actions.undo, "The last change is undone.")


@require_POST
def original(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Let the original go out again."""
    return _step(request, promotion_id, event_id, actions.back_to_original, "The original goes out again.")


@require_POST
def exclude(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Leave one event out of what goes out."""
    return _exclude_one(request, promotion_id, event_id, True, "The event is excluded: it does not go out.")


@require_POST
def include(request: HttpRequest, promotion_id: int, event_id: int) -> HttpResponse:
    """Take one event in again."""
    return _exclude_one(request, promotion_id, event_id, False, "The event is included again: it goes out.")


def _step(request: HttpRequest, promotion_id: int, event_id: int, action: Any, said: str) -> HttpResponse:
    require(request.user, MANAGE)
    found = _event(promotion_id, event_id)
    form = VersionForm(request.POST)
    try:
        if not form.is_valid():
            raise InvalidInput("The version of the event is missing.", "Use the buttons of the event's page.")
        action(actor_of(request), found, form.cleaned_data["version"])
    except Conflict as error:
        messages.error(request, f"{error.message} Nothing was changed: this is the event as it is now.")
    except Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect(url_with(found.get_absolute_url(), filter_of(request.GET)))


def _exclude_one(request: HttpRequest, promotion_id: int, event_id: int, excluded: bool, said: str) -> HttpResponse:
    require(request.user, MANAGE)
    found = _event(promotion_id, event_id)
    actions.exclude(actor_of(request), found.promotion, [found.pk], excluded)
    messages.success(request, said)
    return redirect(url_with(found.get_absolute_url(), filter_of(request.GET)))


def _page(
    request: HttpRequest, found: Event, form: EditForm | None = None, error: InvalidInput | None = None
) -> HttpResponse:
    """The event's page; with `form` what was typed instead of what goes out, and what is wrong with it."""
    query, masks = filter_of(request.GET), masks_of(request, found.promotion)
    before, after = _around(request, found, query)
    about = describe(found, masks)
    context = {**_common(request, found.promotion), "event": found, "query": query.urlencode(), **about}
    context |= amendments_of(found, masks)
    context |= told(request, found.promotion, masks, "event", event=str(found))
    # Among all events the index counts; with a filter every one of them would have to be looked at.
    context["position"] = None if query else position(found.promotion.events.all(), found, IN_ORDER)
    context |= {"before": before, "after": after, "typed": None, "edit_form": form, "error": error}
    if form is not None:
        context |= {
            "typed": form.data.get("outgoing", "").replace("\r\n", "\n"),
            "version": form.data.get("version", ""),
            "problems": problems_of(error) if isinstance(error, DoesNotFit) else [],
        }
    else:
        context |= {"version": found.version, "problems": []}
    return render(request, f"{FOLDER}/event.html", context, status=200 if form is None else 422)


def _around(request: HttpRequest, found: Event, query: QueryDict) -> tuple[Event | None, Event | None]:
    """The events before and after this one among those that fit, as far as they are found in time."""
    promotion, masks = found.promotion, masks_of(request, found.promotion)
    wanted = visible_filter(promotion, EventFilterForm(query, promotion), masks) or _refuse_filter()

    def places(events: EventQuerySet) -> EventQuerySet:
        return masks.search(events, wanted.text).only("pk", "promotion_id", *IN_ORDER)

    look = look_for(promotion, wanted, places, NEIGHBOUR_SECONDS)
    return neighbours(places(promotion.events.matching(wanted)), found, IN_ORDER, look)


def _conflict(request: HttpRequest, current: Event, text: str, error: Conflict) -> HttpResponse:
    masks = masks_of(request, current.promotion)
    both = theirs_and_yours(current, text, masks)
    context = {
        **_common(request, current.promotion),
        "event": current,
        "query": filter_of(request.GET).urlencode(),
        "error": error,
        "typed": text,
        **both,
        **told(request, current.promotion, masks, "conflict", event=str(current)),
    }
    return render(request, f"{FOLDER}/conflict.html", context, status=409)


def _common(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    manager = may(request.user, MANAGE)
    return {
        "promotion": promotion,
        "is_manager": manager,
        "may_edit": manager and promotion.editable,
        "originals_first": promotion.approach == Approach.ORIGINALS_FIRST,
        "proposed": promotion.origin == Origin.AMENDMENTS,
        "amendable": may_be_amended(promotion),
    }


def _event(promotion_id: int, event_id: int) -> Event:
    related = ("promotion__source", "promotion__target", "event_type", "schema", "revision__schema", "revision__parent")
    rows = Event.objects.select_related(*related).defer("document")
    found = rows.filter(promotion=promotion_id, pk=event_id).first()
    if found is None:
        raise NotFound("There is no such event in this promotion.", "The list of events shows those there are.")
    return found


def _matching(request: HttpRequest, promotion: Promotion, query: QueryDict) -> EventQuerySet:
    found = visible_matches(promotion, EventFilterForm(query, promotion), masks_of(request, promotion))
    return _refuse_filter() if found is None else found


def _refuse_filter() -> NoReturn:
    raise InvalidInput("The filter in the address cannot be used.", "Set it again on the list of events.")


def _unsearchable(promotion: Promotion, wanted: EventFilter) -> str:
    """Why a search took too long."""
    if wanted.text and len(wanted.text) < SHORTEST:
        return "A text of one or two characters is in no index: the events are looked through one by one."
    if wanted.by_text and not search_index.is_ready(promotion.pk):
        return (
            "Their search index is not there: it is made some minutes after they were read or changed by the thousand. "
            "Until then they are looked through one by one."
        )
    return "Too many events have to be looked at one by one."


def filter_of(given: QueryDict) -> QueryDict:
    """Return the filter's part of a query: nothing of the paging, nothing that is empty."""
    query = QueryDict(mutable=True)
    for name in EventFilterForm.base_fields:
        if value := given.get(name, ""):
            query[name] = value
    return query


def url_with(path: str, query: QueryDict) -> str:
    """Return the path, with the query behind it where there is one."""
    return f"{path}?{query.urlencode()}" if query else path


def _whole(request: HttpRequest) -> bool:
    """Whether the whole page is wanted, not only the rows for htmx."""
    return "HX-Request" not in request.headers or "HX-History-Restore-Request" in request.headers
