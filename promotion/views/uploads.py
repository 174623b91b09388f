"""Outgoing events as files: download them, upload an edited file, look at what it would do, apply it or not."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from promotion import jobs
from promotion.actions import apply_upload
from promotion.actions import download as downloads
from promotion.actions import upload as uploads
from promotion.actions.import_file import imported_file
from promotion.domain.files.items import Format
from promotion.errors import Conflict, InvalidInput, NotFound
from promotion.forms.uploads import ApplyForm, DownloadForm, UploadForm
from promotion.models import LineVerdict, Promotion, PromotionJob, Upload, UploadLine
from promotion.policy import MANAGE, SENSITIVE, VIEW, may, require
from promotion.states import JobKind
from promotion.views.incoming import say_too_large, too_large
from promotion.views.paging import keyset
from promotion.views.shared import actor_of, promotion_of

FOLDER = "promotion/uploads"


@require_safe
def download(request: HttpRequest, promotion_id: int) -> HttpResponseBase:
    """Download the outgoing events as the file that the URL asks for. Without `?format` ask which."""
    require(request.user, VIEW)
    promotion = promotion_of(promotion_id)
    form = DownloadForm(request.GET if "format" in request.GET else None)
    if not form.is_valid():
        context = {"promotion": promotion, "ready": promotion.state not in downloads.NOT_YET, "form": form}
        context |= {"outgoing": promotion.events.outgoing().count(), "may_edit": _may_edit(request, promotion)}
        context["may_see"] = may(request.user, SENSITIVE)
        return render(request, f"{FOLDER}/download.html", context, status=422 if form.is_bound else 200)
    given = form.cleaned_data
    kind = Format(given["format"])
    file = downloads.download(actor_of(request), promotion, given["all"], kind, given["plain"], given["sensitive"])
    headers = {
        "Content-Disposition": f'attachment; filename="{downloads.file_name(promotion, kind)}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(file.blocks(), content_type=downloads.ENDINGS[kind][1], headers=headers)


@csrf_exempt
def upload(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Take an edited file. Its size is looked at before any of it is read: the token is checked after that."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    if request.method != "POST":
        return _form(request, promotion, UploadForm())
    if too_large(request):
        return _form(request, promotion, say_too_large(UploadForm({})))
    answer: HttpResponse = _take(request, promotion)
    return answer


@csrf_protect
def _take(request: HttpRequest, promotion: Promotion) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, promotion, form)
    file = form.cleaned_data["file"]
    try:
        made, job = uploads.upload(
            actor_of(request), promotion, file.name or "", file.chunks(), form.cleaned_data["format"]
        )
    except InvalidInput as error:
        form.add_error("file", str(error))
        return _form(request, promotion, form)
    jobs.enqueue(job)
    return redirect("promotion:upload_report", promotion_id=promotion.pk, upload_id=made.pk)


@require_safe
def report(request: HttpRequest, promotion_id: int, upload_id: int) -> HttpResponse:
    """Show what the file would do, line by line; while a worker compares it, how far it is."""
    require(request.user, VIEW)
    return _report(request, _upload(promotion_id, upload_id), ApplyForm())


@require_POST
def apply(request: HttpRequest, promotion_id: int, upload_id: int) -> HttpResponse:
    """Apply the good lines of a compared file."""
    require(request.user, MANAGE)
    found = _upload(promotion_id, upload_id)
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return _report(request, found, form)
    try:
        count = apply_upload.apply(actor_of(request), found, form.cleaned_data["missing"] == "exclude")
    except Conflict as error:
        return _report(request, found, form, error)
    messages.success(request, f"{count:,} event{'' if count == 1 else 's'} changed, the version before in its history.")
    return redirect("promotion:upload_report", promotion_id=promotion_id, upload_id=upload_id)


@require_POST
def discard(request: HttpRequest, promotion_id: int, upload_id: int) -> HttpResponse:
    """Throw the comparison away."""
    require(request.user, MANAGE)
    apply_upload.discard(actor_of(request), _upload(promotion_id, upload_id))
    messages.success(request, "The file is discarded. Nothing of it was applied.")
    return redirect("promotion:events", promotion_id=promotion_id)


def _form(request: HttpRequest, promotion: Promotion, form: UploadForm) -> HttpResponse:
    context = {
        "promotion": promotion,
        "form": form,
        "may_edit": _may_edit(request, promotion),
        "uploads": _edits(promotion).select_related("author")[:20],
        "most": settings.MAX_UPLOAD_BYTES,
    }
    return render(request, f"{FOLDER}/form.html", context, status=422 if form.is_bound else 200)


def _edits(promotion: Promotion) -> QuerySet[Upload]:
    """The files that were to change its events; not the one that it was made of."""
    first = imported_file(promotion)
    return promotion.uploads.all() if first is None else promotion.uploads.exclude(pk=first.pk)


def _report(request: HttpRequest, found: Upload, form: ApplyForm, error: Conflict | None = None) -> HttpResponse:
    kinds = (JobKind.UPLOAD, JobKind.IMPORT)
    job = PromotionJob.objects.filter(promotion=found.promotion_id, kind__in=kinds, arguments__upload=found.pk).first()
    context: dict[str, Any] = {"promotion": found.promotion, "upload": found, "job": job, "error": error}
    context |= {"imported": found == imported_file(found.promotion), "entry": Format(found.format or "jsonl").entry}
    if context["imported"] and not found.compared_at:
        return redirect(found.promotion)  # which says how far it is, and what went wrong
    if job is not None and job.active:
        return render(request, f"{FOLDER}/{'_' if _polls(request) else ''}comparing.html", context)
    if _polls(request):
        return HttpResponseClientRefresh()
    verdict = request.GET.get("verdict", "")
    context |= {
        "form": form,
        "counts": [(each, found.counts.get(each, 0)) for each in LineVerdict],
        "verdict": verdict if verdict in LineVerdict.values else "",
        "page": keyset(request, _lines(found, verdict), ["number"]),
        "change_count": sum(found.counts.get(each, 0) for each in apply_upload.APPLICABLE),
        "fault_count": sum(found.counts.get(each, 0) for each in apply_upload.FAULTY),
        "may_apply": _may_edit(request, found.promotion) and found.compared_at and not found.closed,
    }
    return render(request, f"{FOLDER}/report.html", context, status=409 if error else 422 if form.errors else 200)


def _lines(found: Upload, verdict: str) -> QuerySet[UploadLine]:
    """The lines of one verdict; without one all but those that change nothing."""
    lines = found.lines.select_related("event__event_type").defer("body", "event__value", "event__document")
    if verdict in LineVerdict.values:
        return lines.filter(verdict=verdict)
    return lines.exclude(verdict=LineVerdict.UNCHANGED)


def _polls(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _upload(promotion_id: int, upload_id: int) -> Upload:
    related = ("author", "promotion__source", "promotion__target")
    found = Upload.objects.select_related(*related).filter(promotion=promotion_id, pk=upload_id).first()
    if found is None:
        raise NotFound("There is no such upload.", "The page of uploads shows those there are.")
    return found


def _may_edit(request: HttpRequest, promotion: Promotion) -> bool:
    return may(request.user, MANAGE) and promotion.editable
