"""Writing the rules of a promotion: a rule by one of four forms, rules from a file, and keeping them as a rule set."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from promotion.actions import rule_sets
from promotion.actions import rules as actions
from promotion.domain.rewrite import read_rules, to_json
from promotion.domain.rewrite.rule_file import MAX_BYTES
from promotion.errors import Conflict, InvalidInput, NotFound, Refused
from promotion.forms.rules import FileForm, HostForm, JsonForm, QuickForm, RuleForm, SaveForm, UserForm, WritingForm
from promotion.models import Promotion, RuleList, RuleSet
from promotion.policy import MANAGE, require
from promotion.views.rule_lines import name_of, sentence
from promotion.views.rule_suggestions import suggested, suggestions
from promotion.views.shared import actor_of, promotion_of

FOLDER = "promotion/rules"
QUICK: dict[str, type[QuickForm]] = {"host": HostForm, "user": UserForm}
#: The ways to write a rule, with what the page calls them.
WAYS = {"host": "Move to another host", "user": "Move to another user", "rule": "Any rule", "json": "As JSON"}
METHODS = ["GET", "HEAD", "POST"]


@require_http_methods(METHODS)
def rule_add(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Write a new rule, by the way that `as` names. What cannot be saved comes back as it was typed."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    held = RuleList.objects.of(promotion)
    way = request.GET.get("as", "")
    way = way if way in WAYS else "host"
    begun = suggested(request.GET.get("suggest", ""))
    if begun is not None and way != "json":
        way = "rule" if RuleForm.shows(begun) else "json"
    form = _form(request, way, held, begun)
    if request.method != "POST" or form.more:
        return _shown(request, promotion, form, way)
    if not form.is_valid():
        return _shown(request, promotion, form, way, 422)
    return _save(request, promotion, form, way, held)


@require_http_methods(METHODS)
def rule_edit(request: HttpRequest, promotion_id: int, rule_id: uuid.UUID) -> HttpResponse:
    """Change a rule of the draft, by its form or as JSON."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    held = RuleList.objects.of(promotion)
    rule = next((each["rule"] for each in actions.drafted(held) if each["id"] == str(rule_id)), None)
    if rule is None and request.method != "POST":
        raise NotFound("There is no such rule in this promotion.", "Look at the rules again: somebody changed them.")
    way = "json" if request.GET.get("as") == "json" or (rule is not None and not RuleForm.shows(rule)) else "rule"
    form = _form(request, way, held, rule)
    if request.method != "POST" or form.more:
        return _shown(request, promotion, form, way, rule_id=rule_id, rule=rule)
    if not form.is_valid():
        return _shown(request, promotion, form, way, 422, rule_id=rule_id, rule=rule)
    return _save(request, promotion, form, way, held, rule_id, rule)


@require_http_methods(METHODS)
def rules_file(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Take the rules of a file into the draft."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    held = RuleList.objects.of(promotion)
    if request.method != "POST":
        return _file_form(request, promotion, FileForm(initial={"version": held.version}))
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _file_form(request, promotion, form, status=422)
    try:
        notes = _take_file(request, promotion, form)
    except Conflict as error:
        fresh = FileForm(initial={"version": RuleList.objects.of(promotion).version})
        return _file_form(request, promotion, fresh, error, 409)
    except InvalidInput as error:
        return _file_form(request, promotion, form, error, 422)
    for note in notes:
        messages.warning(request, note)
    return redirect("promotion:rules", promotion_id=promotion_id)


@require_http_methods(METHODS)
def rules_save(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Keep the draft's rules as a rule set; a further version of one that is there is confirmed first."""
    require(request.user, MANAGE)
    promotion = promotion_of(promotion_id)
    rules = [each["rule"] for each in actions.drafted(RuleList.objects.of(promotion)) if each["enabled"]]
    if request.method != "POST":
        return _save_form(request, promotion, SaveForm(), rules)
    form = SaveForm(request.POST)
    if not form.is_valid():
        return _save_form(request, promotion, form, rules, status=422)
    given, number = form.cleaned_data, form.next_number()
    if number > 1 and given["expected"] != number:
        return _save_form(request, promotion, form, rules, number, status=200)
    try:
        kept = rule_sets.save(
            actor_of(request), given["name"], rules, source=promotion.source, target=promotion.target,
            note=given["note"], expected=number,
        )  # fmt: skip
    except InvalidInput as error:
        form.add_error("name" if rules else None, str(error))
        return _save_form(request, promotion, form, rules, status=422)
    except Conflict as error:
        form.add_error(None, str(error))
        return _save_form(request, promotion, form, rules, form.next_number(), status=409)
    messages.success(request, f"Kept as version {kept.number:,} of the rule set {kept.rule_set.name}.")
    return redirect("promotion:rules", promotion_id=promotion_id)


def _form(request: HttpRequest, way: str, held: RuleList, rule: dict[str, Any] | None = None) -> Any:
    data = request.POST if request.method == "POST" else None
    if way in QUICK:
        taken = [each["rule"]["name"] for each in actions.drafted(held)]
        return QUICK[way](data, {"version": held.version, "where": "field"}, taken)
    return {"rule": RuleForm, "json": JsonForm}[way](data, rule=rule, version=held.version)


def _save(
    request: HttpRequest,
    promotion: Promotion,
    form: WritingForm,
    way: str,
    held: RuleList,
    rule_id: uuid.UUID | None = None,
    before: dict[str, Any] | None = None,
) -> HttpResponse:
    """Save a form that is valid by itself; the rule's own problems go to their fields."""
    about: dict[str, Any] = {"rule_id": rule_id, "rule": before}
    try:
        rule = form.rule() | ({"id": str(rule_id)} if rule_id else {})
        [entry] = actions.entries([rule])
    except InvalidInput as error:
        form.place(error.problems or [error.message])
        return _shown(request, promotion, form, way, 422, **about)
    try:
        actions.require_sight(actor_of(request), [entry["rule"]], [before] if before is not None else [])
    except Refused as error:
        form.add_error("sensitive" if "sensitive" in form.fields else None, str(error))
        return _shown(request, promotion, form, way, 403, **about)
    try:
        _write(request, promotion, form.cleaned_data["version"], entry, held, rule_id)
    except InvalidInput as error:  # together with the others: a name that another rule has
        form.add_error("name" if "name" in form.fields else None, " ".join(error.problems) or error.message)
        return _shown(request, promotion, form, way, 422, **about)
    except Conflict as error:
        return _shown(request, promotion, form, way, 409, error=error, **about)
    except NotFound as error:
        gone = NotFound(error.message, "Somebody removed it meanwhile. Your text is below: save it as a new rule.")
        return _shown(request, promotion, form, way, 409, error=gone)
    messages.success(request, "Saved in the draft. Nothing is applied yet.")
    return redirect("promotion:rules", promotion_id=promotion.pk)


def _write(
    request: HttpRequest,
    promotion: Promotion,
    version: int,
    entry: actions.Entry,
    held: RuleList,
    rule_id: uuid.UUID | None,
) -> None:
    if rule_id is not None:
        actions.replace(actor_of(request), promotion, version, str(rule_id), entry["rule"])
        return
    if any(each["id"] == entry["id"] for each in actions.drafted(held)):  # one that had this name before has its id
        fresh = str(uuid.uuid4())
        entry = entry | {"id": fresh, "rule": entry["rule"] | {"id": fresh}}
    actions.add(actor_of(request), promotion, version, [entry])


def _shown(
    request: HttpRequest,
    promotion: Promotion,
    form: WritingForm,
    way: str,
    status: int = 200,
    *,
    rule_id: uuid.UUID | None = None,
    rule: dict[str, Any] | None = None,
    error: Conflict | NotFound | None = None,
) -> HttpResponse:
    """The form's page. After a conflict it has the new version: saving again writes on top of what is there now."""
    held = RuleList.objects.of(promotion)
    context = {
        "promotion": promotion,
        "form": form,
        "way": way,
        "ways": WAYS if rule_id is None else {each: WAYS[each] for each in ("rule", "json")},
        "rule_id": rule_id,
        "name": name_of(rule) if rule is not None else "",
        "theirs": sentence(rule) if rule is not None and error is not None else "",
        "only_json": rule is not None and not RuleForm.shows(rule),
        "version": held.version if error is not None or not form.is_bound else form.data.get("version", ""),
        "error": error,
        "known": suggestions(promotion),
        "unsaved": form.is_bound,
        "may_edit": promotion.editable,
    }
    return render(request, f"{FOLDER}/write.html", context, status=status)


def _take_file(request: HttpRequest, promotion: Promotion, form: FileForm) -> tuple[str, ...]:
    file = form.cleaned_data["file"]
    if file.size > MAX_BYTES:
        raise InvalidInput(f"The file is larger than {MAX_BYTES:,} bytes.", "Split it.")
    read = read_rules(file.read(), file.name or "")
    entries = actions.entries(to_json(read.rules))
    actions.add(actor_of(request), promotion, form.cleaned_data["version"], entries)
    number = len(entries)
    messages.success(request, f"{number:,} rule{'' if number == 1 else 's'} taken into the draft. Nothing is applied.")
    return read.notes


def _file_form(
    request: HttpRequest,
    promotion: Promotion,
    form: FileForm,
    error: Conflict | InvalidInput | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"promotion": promotion, "form": form, "error": error, "may_edit": promotion.editable}
    return render(request, f"{FOLDER}/file.html", context, status=status)


def _save_form(
    request: HttpRequest,
    promotion: Promotion,
    form: SaveForm,
    rules: list[dict[str, Any]],
    number: int | None = None,
    status: int = 200,
) -> HttpResponse:
    names = RuleSet.objects.filter(archived_at=None).values_list("name", flat=True)[:100]
    context = {"promotion": promotion, "form": form, "count": len(rules), "number": number, "names": names}
    return render(request, f"{FOLDER}/save.html", context, status=status)
