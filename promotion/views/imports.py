"""A file of events becomes a promotion: the form, and the second try where the first one failed."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from promotion.actions import import_file as importing
from promotion.errors import InvalidInput, Refused
from promotion.forms.imports import ImportAgainForm, ImportForm
from promotion.policy import MANAGE, require
from promotion.views.incoming import say_too_large, too_large
from promotion.views.shared import actor_of, enqueue, promotion_of


@csrf_exempt
def import_file(request: HttpRequest) -> HttpResponse:
    """Take a file and make a promotion of it. Its size is looked at before any of it is read, the token after that."""
    require(request.user, MANAGE)
    if request.method != "POST":
        asked = {name: request.GET[name] for name in ("target", "title") if name in request.GET}
        return _form(request, ImportForm(initial=asked))
    if too_large(request):
        return _form(request, say_too_large(ImportForm({})))
    answer: HttpResponse = _take(request)
    return answer


@csrf_protect
def _take(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, form)
    given = form.cleaned_data
    file, about = given["file"], (given["target"], given["title"])
    try:
        made, _, job = importing.import_file(
            actor_of(request), *about, file.name or "", file.chunks(), given["format"], form.tenancy
        )
    except (InvalidInput, Refused) as error:
        form.add_error(None, str(error))
        return _form(request, form)
    enqueue(request, job)
    return redirect(made)


@require_POST
def import_again(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Have the stored file read once more, in the format that is chosen now."""
    shown = promotion_of(promotion_id)
    form = ImportAgainForm(request.POST)
    if form.is_valid():
        enqueue(request, importing.import_again(actor_of(request), shown, form.cleaned_data["format"]))
    else:
        messages.error(request, "There is no such format. Nothing was started.")
    return redirect(shown)


def _form(request: HttpRequest, form: ImportForm) -> HttpResponse:
    targets = form.fields["target"].queryset  # type: ignore[attr-defined]
    context = {"form": form, "targets": targets, "most": settings.MAX_UPLOAD_BYTES}
    return render(request, "promotion/promotions/import.html", context, status=422 if form.is_bound else 200)
