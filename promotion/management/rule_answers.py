"""What the command line says about rules, passes and rule sets. The keys are promised in docs/automation.md."""

from __future__ import annotations

from typing import Any

from promotion.actions.masking import Masks
from promotion.actions.rewrite_masks import masked
from promotion.domain.rewrite import describe, rules_from_json
from promotion.models import Promotion, RuleList, RulePass, RuleSetVersion

Answer = dict[str, Any]
_UNCOUNTED: dict[str, dict[str, int]] = {}


def rules_answer(promotion: Promotion) -> Answer:
    """Return the rules of a promotion: as they were applied last, and as somebody is changing them."""
    rules = RuleList.objects.filter(pk=promotion.pk).first() or RuleList(promotion=promotion)
    passes = RulePass.objects.filter(promotion=promotion, finished_at__isnull=False)
    applied = passes.filter(dry=False).first()
    preview = passes.filter(dry=True).first()
    previewed = preview if preview is not None and preview.rules == rules.draft else None
    return {
        "promotion": promotion.pk,
        "state": promotion.state,
        "version": rules.version,
        "applied_at": rules.applied_at,
        "applied": _entries(rules.applied, applied),
        "draft": None if rules.draft is None else _entries(rules.draft, previewed),
    }


def pass_answer(run: RulePass, masks: Masks) -> Answer:
    """Return what a pass of rules did, or a preview would do, without what is masked."""
    fields, samples = masked(run, masks)
    return {
        "id": run.pk,
        "preview": run.dry,
        "by": run.author.get_username(),
        "at": run.finished_at,
        "counts": {name: number for name, number in run.counts.items() if name != "by_rule"},
        "fields": fields,
        "samples": samples,
        "problems": run.problems,
    }


def set_line(version: RuleSetVersion) -> Answer:
    """Return what a list says of a rule set, from one of its versions."""
    kept = version.rule_set
    return {
        "name": kept.name,
        "version": version.number,
        "source": kept.source and kept.source.name,
        "target": kept.target and kept.target.name,
        "archived": kept.archived_at is not None,
        "rules": len(version.rules),
        "note": version.note,
        "by": version.author.get_username(),
        "at": version.created_at,
    }


def set_answer(version: RuleSetVersion) -> Answer:
    """Return everything about one version of a set, and which others there are."""
    versions = version.rule_set.versions.select_related("author")
    return {
        **set_line(version),
        "rules": [_rule(each) for each in version.rules],
        "versions": [
            {"version": v.number, "rules": len(v.rules), "note": v.note, "by": v.author.username, "at": v.created_at}
            for v in versions
        ],
    }


def _entries(entries: list[dict[str, Any]], counted: RulePass | None) -> list[Answer]:
    counts = counted.counts.get("by_rule", _UNCOUNTED) if counted is not None else None
    return [_entry(each, counts) for each in entries]


def _entry(entry: dict[str, Any], counts: dict[str, dict[str, int]] | None) -> Answer:
    own = (counts or _UNCOUNTED).get(entry["id"], {})
    return {
        **_rule(entry["rule"]),
        "enabled": entry["enabled"],
        "from": entry["from"],
        "matched": None if counts is None else own.get("matched", 0),
        "changed": None if counts is None else own.get("changed", 0),
    }


def _rule(rule: dict[str, Any]) -> Answer:
    [read] = rules_from_json([rule])
    return {"id": rule["id"], "name": read.name, "sentence": describe(read), "rule": rule}
