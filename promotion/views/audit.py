"""The audit trail: who did what to what, when, from where and why."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from promotion.domain.spreadsheet import cell
from promotion.errors import InvalidInput
from promotion.forms.audit import AuditFilter
from promotion.models import AuditEntry, AuditSeal
from promotion.models.audit import AuditQuerySet
from promotion.policy import VIEW, require
from promotion.templatetags.verbs import said_of_anything
from promotion.views.paging import keyset

COLUMNS = (
    "id", "at", "actor_name", "origin", "verb", "object_type", "object_id", "object_label", "reason", "before", "after",
    "seal_number", "seal_digest",
)  # fmt: skip


@require_safe
def audit(request: HttpRequest) -> HttpResponseBase:
    """Show the entries that fit, newest first; `format=jsonl` or `format=csv` downloads all of them."""
    require(request.user, VIEW)
    filters = AuditFilter(request.GET, said_of_anything)
    entries = filters.entries()
    if kind := request.GET.get("format"):
        return _download(filters, entries, kind)
    page = keyset(request, entries.select_related("seal"), ("-id",))
    context = {
        "filters": filters,
        "rows": [(row, _both(row), _seal(row)) for row in page.rows],
        "page": page,
        "jsonl_url": _url(request, "jsonl"),
        "csv_url": _url(request, "csv"),
        "filtered": any(filters.data.get(name) for name in filters.fields),
    }
    return render(request, "promotion/audit/list.html", context, status=422 if filters.errors else 200)


def _url(request: HttpRequest, kind: str) -> str:
    query = request.GET.copy()
    for place in ("before", "after"):
        query.pop(place, None)
    query["format"] = kind
    return f"?{query.urlencode()}"


def _both(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Return (name, before, after) of each value that the entry tells, as JSON text."""
    before, after = entry.before or {}, entry.after or {}
    return [
        (name, _json(before[name]) if name in before else "", _json(after[name]) if name in after else "")
        for name in {**before, **after}
    ]


def _seal(entry: AuditEntry) -> str:
    """Return the entry's seal as `manage.py verify_audit --head` takes it, "" where it has none."""
    seal: AuditSeal | None = getattr(entry, "seal", None)
    return f"{seal.number}:{seal.digest}" if seal else ""


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _download(filters: AuditFilter, entries: AuditQuerySet, kind: str) -> StreamingHttpResponse:
    if kind not in FORMATS:
        raise InvalidInput(f"There is no such format: the audit trail comes as {' or '.join(FORMATS)}.")
    if filters.errors:
        raise InvalidInput("The filter is not valid.", "Mend it on the audit page, then download.")
    content_type, lines = FORMATS[kind]
    sealed = entries.annotate(seal_number=F("seal__number"), seal_digest=F("seal__digest"))
    values = sealed.order_by("-pk").values(*COLUMNS).iterator()
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
    disposition = f'attachment; filename="{name}"'
    return StreamingHttpResponse(lines(values), content_type=content_type, headers={"Content-Disposition": disposition})


def _json_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


class _Echo:
    """What csv writes to: hands each line back to who asked for it."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([_cell(row[column]) for column in COLUMNS])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return cell(json.dumps(value, ensure_ascii=False))
    return cell(value.isoformat() if hasattr(value, "isoformat") else str(value))


FORMATS: dict[str, tuple[str, Callable[[Iterable[dict[str, Any]]], Iterator[str]]]] = {
    "jsonl": ("application/jsonl; charset=utf-8", _json_lines),
    "csv": ("text/csv; charset=utf-8", _csv),
}
