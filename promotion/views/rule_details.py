"""What the page of a promotion's rules shows: the draft beside what is applied, the job, and the newest report."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.http import HttpRequest

from promotion.actions.masking import Masks
from promotion.actions.rewrite_masks import masked
from promotion.actions.rule_sets import proposed
from promotion.actions.rules import drafted
from promotion.domain.shown_difference import between, shown_differences
from promotion.models import Plan, Promotion, PromotionJob, RuleList, RulePass, RuleSetVersion
from promotion.policy import MANAGE, may
from promotion.states import JobKind
from promotion.views.plan_state import standing
from promotion.views.rule_lines import lines, number_of_changes
from promotion.views.sensitive import masks_of, told
from promotion.views.steps import EXPORTED, steps

KINDS = (JobKind.PREVIEW_RULES, JobKind.REWRITE)
#: Of a report: fields and their values, samples, reasons why events would become invalid, and events of each.
MOST_FIELDS, MOST_VALUES, MOST_SAMPLES, MOST_PROBLEMS, MOST_EVENTS = 50, 5, 15, 30, 6
MOST_SETS = 20
#: What a report says of its numbers of events.
_WORDS = {
    "matched": "matched",
    "changed": "changed",
    "restored": "as before the rules again",
    "excluded": "excluded",
    "included": "included again",
    "invalid": "invalid",
}


def page(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    """Return the page's context; nothing of it looks at the events' bodies."""
    rules = RuleList.objects.of(promotion)
    draft = drafted(rules)
    newest = newest_pass(promotion)
    shown, masks = lines(rules, draft, newest), masks_of(request, promotion)
    context = {**live(request, promotion), "rules": rules, "lines": shown, "changes": number_of_changes(shown)}
    context |= {
        "drafting": rules.draft is not None,
        "fits": newest is not None and fits(newest, draft, promotion),
        "run": newest,
        "report": report(newest, masks) if newest is not None else None,
        "sets": sets(promotion, draft) if context["may_edit"] else [],
        "may_apply": context["may_edit"] and context["active"] is None and (rules.draft is not None or rules.applied),
        **told(request, promotion, masks, "rules"),
    }
    return context


def live(request: HttpRequest, promotion: Promotion) -> dict[str, Any]:
    """Return what changes while a job runs, and who may do what."""
    job = promotion.jobs.select_related("requested_by", "cancel_requested_by").first()
    active = job if job is not None and job.active else None
    plan = Plan.objects.of(promotion)
    manager = may(request.user, MANAGE)
    failed = job is not None and not job.active and job.error and job.kind in KINDS
    return {
        "promotion": promotion,
        "steps": steps(promotion, standing(plan) if plan is not None else None),
        "active": active,
        "failed": job if failed else None,
        "job": job,
        "polled": "HX-Request" in request.headers,
        "may_manage": manager,
        "may_edit": manager and promotion.editable,
        "exported": promotion.state in EXPORTED,
    }


def newest_pass(promotion: Promotion) -> RulePass | None:
    """Return the newest pass that has ended."""
    return promotion.rule_passes.filter(finished_at__isnull=False).select_related("author").first()


def fits(run: RulePass, draft: list[dict[str, Any]], promotion: Promotion) -> bool:
    """Whether `run` is a preview of this draft, and nobody has changed an event since it was asked for."""
    if not run.dry or run.rules != draft:
        return False
    kind = JobKind.PREVIEW_RULES
    job = PromotionJob.objects.filter(promotion=promotion, kind=kind, arguments__pass=str(run.pk)).first()
    return job is not None and job.arguments.get("changes") == promotion.changes


def report(run: RulePass, masks: Masks) -> dict[str, Any]:
    """Return what a pass kept, as far as a page shows it, without what is masked."""
    counts = run.counts
    fields, samples = masked(run, masks)
    return {
        "counts": counts,
        "said": {name: _said(counts.get(name, 0), words) for name, words in _WORDS.items()},
        "total": events_changed(run),
        "fields": [
            {
                **each,
                "shown": each["values"][:MOST_VALUES],
                "others": each["more"] + max(0, len(each["values"]) - MOST_VALUES),
            }
            for each in fields[:MOST_FIELDS]
        ],
        "more_fields": max(0, len(run.fields) - MOST_FIELDS),
        "samples": [_sample(each) for each in samples[:MOST_SAMPLES]],
        "problems": by_reason(run.problems),
        "more_problems": max(0, counts.get("invalid", 0) - len(run.problems)),
        "refused": refused(run),
    }


def _sample(sample: dict[str, Any]) -> dict[str, Any]:
    found = (between(each["path"], each["from"], each["to"]) for each in sample["changes"])
    said = f"What changes in {sample['type']} {sample['at']}"
    return {**sample, "rows": shown_differences(found), "said": said}


def by_reason(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the reasons why events would become invalid, each with some of its events and how many more there are."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in problems:
        found.setdefault(tuple(each["problems"]), []).append(each)
    return [
        {"reasons": reasons, "events": events[:MOST_EVENTS], "more": max(0, len(events) - MOST_EVENTS)}
        for reasons, events in sorted(found.items(), key=lambda item: -len(item[1]))[:MOST_PROBLEMS]
    ]


def events_changed(run: RulePass) -> int:
    """Return how many events become another body, their original, or are left out or taken in."""
    return sum(run.counts.get(name, 0) for name in ("changed", "restored"))


def refused(run: RulePass) -> int:
    """Return how many events keep the rules from being applied."""
    said = run.counts.get("refused")
    if said is not None:
        return int(said)
    active = [each["rule"] for each in run.rules if each["enabled"]]
    excluding = bool(active) and all(rule.get("on_invalid") == "exclude" for rule in active)
    return 0 if excluding else int(run.counts.get("invalid", 0))


def sets(promotion: Promotion, draft: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rule sets for the promotion's way, each with its newest version and the one that is here already."""
    here = {each["from"]["set"]: each["from"]["version"] for each in draft if each["from"]}
    found = list(proposed(promotion).select_related("source", "target")[:MOST_SETS])
    newest = dict(
        RuleSetVersion.objects.filter(rule_set__in=found).values_list("rule_set").annotate(n=Max("number")).order_by()
    )
    return [
        {
            "set": each,
            "number": newest[each.pk],
            "here": here.get(each.name),
            "said": f"version {here[each.name]:,} is here" if each.name in here else "",
        }
        for each in found
        if each.pk in newest
    ]


def _said(number: int, words: str) -> str:
    return f"{number:,} event{'' if number == 1 else 's'} {words}"
