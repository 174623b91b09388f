"""The same field in many events: choose the field, give the value, look at what would change, and change it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from promotion.actions import edit_together as actions
from promotion.errors import Conflict, InvalidInput, Refused
from promotion.forms.events import EventFilterForm
from promotion.forms.together import ChosenForm, FieldForm, UndoForm, ValueForm
from promotion.models import Promotion
from promotion.models.event import MOST_IDS, EventQuerySet
from promotion.policy import MANAGE, require
from promotion.states import Approach
from promotion.views import together_details as details
from promotion.views import undo as undoing
from promotion.views.events import filter_of, url_with
from promotion.views.paging import count_up_to
from promotion.views.sensitive import masks_of, told, visible_matches
from promotion.views.shared import actor_of, promotion_of

PAGE = "promotion/events/together.html"


@require_http_methods(["GET", "HEAD", "POST"])
def together(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Ask step by step; nothing is changed before the last one. GET begins with all that match the filter."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    form = ChosenForm(request.POST if request.method == "POST" else _everything(request.GET))
    if not form.is_valid():
        return _nothing_chosen(request, promotion, form)
    page = _Page(request, promotion, form.cleaned_data)
    return page.answer()


@require_POST
def undo(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Take back what was changed last, as a whole."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    form = UndoForm(request.POST)
    back = _list_url(promotion, filter_of(QueryDict(request.POST.get("query", "")[:8_000])))
    if not form.is_valid():
        messages.error(request, "Nothing was undone: it is not said what. Use the button of the list of events.")
        return redirect(back)
    try:
        done = actions.undo(actor_of(request), promotion, form.cleaned_data["first"], form.cleaned_data["last"])
    except (Conflict, Refused) as error:
        messages.error(request, " ".join([str(error), *error.problems]))
        return redirect(back)
    kept = f" {done.kept:,} were changed since and stay as they are." if done.kept else ""
    messages.success(request, f"{done.count:,} event{'' if done.count == 1 else 's'} as before again.{kept}")
    return redirect(back)


class _Page:
    """One request: which events, how far the person has come, and what the page shows then."""

    def __init__(self, request: HttpRequest, promotion: Promotion, given: dict[str, Any]) -> None:
        self._request, self._promotion, self._given = request, promotion, given
        self._masks = masks_of(request, promotion)
        self._query = filter_of(QueryDict(given["query"]))
        self._chosen = self._events()
        self._count, self._too_many = count_up_to(self._chosen, MOST_IDS)
        self._fields = details.fields(promotion, None if self._too_many else self._chosen)
        self._context: dict[str, Any] = {}
        self._wanted: actions.Wanted | None = None

    def answer(self) -> HttpResponse:
        step = self._request.POST.get("step", "")
        field = FieldForm(self._request.POST if step else None, self._fields.groups())
        self._context = {"field_form": field}
        if not step:
            return self._shown()
        if not field.is_valid():
            return self._shown(422)
        path = field.cleaned_data["path"]
        data = self._request.POST if step in ("look", "apply") else None
        value = ValueForm(data, self._fields.symbols(path), self._fields.clearable(path))
        self._context |= {"about": self._fields.about(path), "value_form": value}
        if data is None:
            return self._shown()
        if not value.is_valid():
            return self._shown(422)
        return self._step(step, actions.Wanted(path, value.text))

    def _step(self, step: str, wanted: actions.Wanted) -> HttpResponse:
        self._wanted = wanted
        if self._too_many:
            return self._shown()
        if step == "apply":
            try:
                return self._apply(wanted)
            except Conflict as error:
                self._context["error"] = error
                return self._look(wanted, 409)
            except (InvalidInput, Refused) as error:
                self._context["error"] = error
                return self._shown(422)
        return self._look(wanted)

    def _look(self, wanted: actions.Wanted, status: int = 200) -> HttpResponse:
        try:
            looked = actions.look(self._promotion, self._chosen, wanted, self._masks)
        except (InvalidInput, Refused) as error:
            self._context["error"] = error
            return self._shown(422)
        self._context |= details.shown(looked)
        self._context |= told(self._request, self._promotion, self._masks, "edit together", events=looked.seen)
        return self._shown(status)

    def _apply(self, wanted: actions.Wanted) -> HttpResponse:
        done = actions.apply(actor_of(self._request), self._promotion, self._chosen, wanted, self._given["digest"])
        undoing.remember_together(self._request, self._promotion, done, wanted.path)
        return redirect(_list_url(self._promotion, self._query))

    def _events(self) -> EventQuerySet:
        if not self._given["everything"]:
            return self._promotion.events.filter(pk__in=self._given["event"])
        found = visible_matches(self._promotion, EventFilterForm(self._query, self._promotion), self._masks)
        if found is None:
            raise InvalidInput("The filter cannot be used.", "Set it again on the list of events.")
        return found

    def _shown(self, status: int = 200) -> HttpResponse:
        promotion, given = self._promotion, self._given
        context = {
            "promotion": promotion,
            "may_edit": promotion.editable,
            "originals_first": promotion.approach == Approach.ORIGINALS_FIRST,
            "ids": ",".join(map(str, given["event"])),
            "everything": given["everything"],
            "query": self._query.urlencode(),
            "filter": EventFilterForm(self._query, promotion),
            "count": self._count,
            "too_many": self._too_many,
            "list_url": _list_url(promotion, self._query),
            "wanted": self._wanted,
            "digest": self._context["looked"].digest if "looked" in self._context else "",
            **self._context,
        }
        if self._too_many and self._wanted is not None:
            nodes = self._fields.types(self._wanted.path)
            context |= {"rule_query": details.rule_link(self._query, self._wanted, nodes)}
            context |= {"untold": details.untold(self._query)}
        return render(self._request, PAGE, context, status=status)


def _everything(query: QueryDict) -> dict[str, Any]:
    return {"everything": "on", "query": filter_of(query).urlencode()}


def _nothing_chosen(request: HttpRequest, promotion: Promotion, form: ChosenForm) -> HttpResponse:
    context = {"promotion": promotion, "chosen_form": form, "list_url": _list_url(promotion, QueryDict())}
    return render(request, PAGE, context, status=422)


def _list_url(promotion: Promotion, query: QueryDict) -> str:
    return url_with(reverse("promotion:events", args=[promotion.pk]), query)
