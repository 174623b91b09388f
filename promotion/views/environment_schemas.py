"""The schemas of an environment without a registry: what was given, more of it, and the ids."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from promotion.actions import environment_schemas as actions
from promotion.domain.schema import parse
from promotion.domain.schema_files import MAX_BYTES
from promotion.errors import Conflict, InvalidInput, PromotionError
from promotion.forms.environment_schemas import SchemaFilesForm, SchemaFilter, SchemaIdsForm
from promotion.models import Environment, EnvironmentSchema
from promotion.models.environment import SchemaSource
from promotion.policy import ENVIRONMENTS, VIEW, may, require
from promotion.views.paging import Page, keyset
from promotion.views.shared import actor_of

FOLDER = "promotion/environments"
#: What the parts of a form need around their files, in bytes.
AROUND = 1024 * 1024


@require_safe
def schemas(request: HttpRequest, name: str) -> HttpResponse:
    """Show the schemas that were given, a page of them, with their ids."""
    require(request.user, VIEW)
    return _page(request, get_object_or_404(Environment, name=name))


@require_safe
def schema(request: HttpRequest, name: str, row_id: int) -> HttpResponse:
    """Show one schema: its fields and its text."""
    require(request.user, VIEW)
    rows = EnvironmentSchema.objects.select_related("environment", "schema", "added_by")
    row = get_object_or_404(rows, environment__name=name, pk=row_id)
    short_name = row.schema.full_name.rpartition(".")[2]
    fields = parse(row.schema.text).fields
    context = {"environment": row.environment, "row": row, "short_name": short_name, "fields": fields}
    return render(request, f"{FOLDER}/schema.html", context)


@csrf_exempt
@require_POST
def add(request: HttpRequest, name: str) -> HttpResponse:
    """Take files with schemas. Their size is looked at before any of it is read: the token is checked after that."""
    require(request.user, ENVIRONMENTS)
    environment = get_object_or_404(Environment, name=name)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES + AROUND:
        form = SchemaFilesForm({})
        form.is_valid()
        form.errors["schemas"] = form.error_class([f"These files are larger than {MAX_BYTES:,} bytes together."])
        return _page(request, environment, add_form=form)
    answer: HttpResponse = _add(request, environment)
    return answer


@csrf_protect
def _add(request: HttpRequest, environment: Environment) -> HttpResponse:
    form = SchemaFilesForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, environment, add_form=form)
    files = ((file.name or "", file.read()) for file in form.cleaned_data["schemas"])
    try:
        changed = actions.add(actor_of(request), environment, files, project=form.cleaned_data["project"])
    except InvalidInput as error:
        return _page(request, environment, add_form=form, error=error)
    messages.success(
        request,
        f"{changed.added:,} schemas added, {changed.ids:,} ids given, {changed.unchanged:,} were there as they are.",
    )
    if changed.left_out:
        said = " ".join(changed.left_out[:20])
        messages.warning(
            request, f"{len(changed.left_out):,} entries are no schemas of events and were left out: {said}"
        )
    return redirect("promotion:environment_schemas", name=environment.name)


@require_POST
def change(request: HttpRequest, name: str) -> HttpResponse:
    """Take the ids of the rows that were shown, and remove those that were ticked."""
    require(request.user, ENVIRONMENTS)
    environment = get_object_or_404(Environment, name=name)
    rows = _rows(environment).filter(pk__in=_shown(request))
    form = SchemaIdsForm(request.POST, rows)
    if not form.is_valid():
        return _page(request, environment, ids_form=form)
    try:
        changed = actions.change(actor_of(request), environment, form.ids, form.gone, form.cleaned_data["version"])
    except (InvalidInput, Conflict) as error:
        return _page(request, environment, ids_form=form, error=error)
    messages.success(request, f"{changed.ids:,} ids changed, {changed.removed:,} schemas removed.")
    return redirect("promotion:environment_schemas", name=environment.name)


def _page(
    request: HttpRequest,
    environment: Environment,
    *,
    add_form: SchemaFilesForm | None = None,
    ids_form: SchemaIdsForm | None = None,
    error: PromotionError | None = None,
) -> HttpResponse:
    """Show the page; after a POST that failed, with what was typed and what is wrong with it."""
    filters = SchemaFilter(request.GET)
    page: Page[EnvironmentSchema] | None = None
    if ids_form is None:
        page = keyset(
            request,
            _filtered(environment, filters),
            ["pk"],
            path=reverse("promotion:environment_schemas", args=[environment.name]),
        )
        ids_form = SchemaIdsForm(None, page.rows, environment.version)
    context: dict[str, Any] = {
        "environment": environment,
        "used": environment.schema_source == SchemaSource.SET,
        "counts": actions.counts(environment),
        "filters": filters,
        "page": page,
        "form": ids_form,
        "rows": [(row, ids_form[f"id_{row.pk}"], ids_form[f"remove_{row.pk}"]) for row in ids_form.rows],
        "add_form": add_form or SchemaFilesForm(),
        "error": error,
        "may_change": may(request.user, ENVIRONMENTS),
    }
    status = 200 if request.method != "POST" else 409 if isinstance(error, Conflict) else 422
    return render(request, f"{FOLDER}/schemas.html", context, status=status)


def _rows(environment: Environment) -> QuerySet[EnvironmentSchema]:
    return environment.schemas.select_related("schema", "added_by").defer("schema__text").order_by("pk")


def _filtered(environment: Environment, filters: SchemaFilter) -> QuerySet[EnvironmentSchema]:
    rows = _rows(environment)
    if not filters.is_valid():
        return rows
    if filters.cleaned_data["q"]:
        rows = rows.filter(schema__full_name__icontains=filters.cleaned_data["q"])
    return rows.filter(registry_id=None) if filters.cleaned_data["without"] else rows


def _shown(request: HttpRequest) -> list[int]:
    """Return the rows that the posted form has fields of."""
    numbers = (key.removeprefix("id_") for key in request.POST if key.startswith("id_"))
    return [int(number) for number in numbers if number.isascii() and number.isdecimal() and len(number) < 19]
