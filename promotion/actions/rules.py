"""The rules of a promotion: drafted, previewed and applied. Nothing is rewritten here: a worker does that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction

from promotion.actions import audit
from promotion.actions.edit import lock_editable
from promotion.actions.request import request_job
from promotion.domain.rewrite import check_keepable, rules_from_json, to_json
from promotion.errors import Conflict, NotFound, Refused
from promotion.models import Promotion, PromotionJob, RuleList, RulePass, RuleSetVersion
from promotion.policy import SENSITIVE, Actor, require
from promotion.states import JobKind

#: One rule of a promotion, as models.RuleList says.
Entry = dict[str, Any]


def entry(rule: dict[str, Any], version: RuleSetVersion | None = None) -> Entry:
    """Return `rule` (JSON that was checked) as a promotion holds it."""
    came_from = {"set": version.rule_set.name, "version": version.number} if version is not None else None
    return {"id": rule["id"], "rule": rule, "enabled": True, "from": came_from}


def entries(rules: Any, version: RuleSetVersion | None = None) -> list[Entry]:
    """Return a JSON list of rules as a promotion holds them. Raises InvalidInput with every problem in it."""
    return [entry(each, version) for each in to_json(rules_from_json(rules))]


def drafted(rules: RuleList) -> list[Entry]:
    """Return the rules as somebody is changing them, as they were applied where nobody is."""
    return list(rules.applied if rules.draft is None else rules.draft)


def add(actor: Actor, promotion: Promotion, version: int, new: Iterable[Entry]) -> None:
    """Put rules at the end of the draft. Raises like `change`."""
    added = list(new)
    change(actor, promotion, version, lambda rules: [*rules, *added])


def replace(actor: Actor, promotion: Promotion, version: int, rule_id: str, rule: dict[str, Any]) -> None:
    """Give a rule of the draft another content: to the UUIDs that it generates it stays the same rule."""
    [checked] = to_json(rules_from_json([rule | {"id": rule_id}]))
    change(actor, promotion, version, lambda rules: _with(rules, rule_id, {"rule": checked}))


def enable(actor: Actor, promotion: Promotion, version: int, rule_id: str, enabled: bool) -> None:
    """Let a rule of the draft rest, or wake it up again."""
    change(actor, promotion, version, lambda rules: _with(rules, rule_id, {"enabled": enabled}))


def remove(actor: Actor, promotion: Promotion, version: int, rule_id: str) -> None:
    """Take a rule out of the draft; what it did is undone when the draft is applied."""
    change(actor, promotion, version, lambda rules: without(rules, [rule_id]))


def without(rules: list[Entry], rule_ids: Iterable[str]) -> list[Entry]:
    """Return `rules` without those of `rule_ids`. Raises NotFound where one is not there."""
    gone = {_known(rules, rule_id) for rule_id in rule_ids}
    return [each for each in rules if each["id"] not in gone]


def move(actor: Actor, promotion: Promotion, version: int, rule_id: str, by: int) -> None:
    """Move a rule of the draft `by` places down (negative: up), as far as there is room."""

    def moved(rules: list[Entry]) -> list[Entry]:
        _known(rules, rule_id)
        at = next(place for place, each in enumerate(rules) if each["id"] == rule_id)
        rest = rules[:at] + rules[at + 1 :]
        to = min(max(at + by, 0), len(rest))
        return [*rest[:to], rules[at], *rest[to:]]

    change(actor, promotion, version, moved)


def put_back(actor: Actor, promotion: Promotion, version: int, rule_id: str) -> None:
    """Take an applied rule that the draft has lost into it again, after the one it stands behind."""
    applied = RuleList.objects.of(promotion).applied
    at = next((place for place, each in enumerate(applied) if each["id"] == _known(applied, rule_id)), 0)
    before = [each["id"] for each in applied[:at]]

    def kept(rules: list[Entry]) -> list[Entry]:
        if any(each["id"] == rule_id for each in rules):
            return rules
        place = max((number for number, each in enumerate(rules, 1) if each["id"] in before), default=0)
        return [*rules[:place], applied[at], *rules[place:]]

    change(actor, promotion, version, kept)


def take(actor: Actor, promotion: Promotion, version: int, kept: RuleSetVersion) -> None:
    """Take a set into the draft: in the place of another version of it, else at the end. Raises like `add`."""
    new = entries(kept.rules, kept)

    def with_set(rules: list[Entry]) -> list[Entry]:
        theirs = [bool(each["from"]) and each["from"]["set"] == kept.rule_set.name for each in rules]
        place = theirs.index(True) if any(theirs) else len(rules)
        rest = [(number, each) for number, each in enumerate(rules) if not theirs[number]]
        return [*(e for n, e in rest if n < place), *new, *(e for n, e in rest if n >= place)]

    change(actor, promotion, version, with_set)


def discard(actor: Actor, promotion: Promotion, version: int) -> None:
    """Forget the draft: the rules are again as they were applied last. Raises like `change`."""
    change(actor, promotion, version, lambda _: None)


def change(
    actor: Actor, promotion: Promotion, version: int, changed: Callable[[list[Entry]], list[Entry] | None]
) -> None:
    """Save what `changed` makes of the draft; `version` is that of the list which the person saw.

    Raises Conflict where somebody else changed it since, Refused where the promotion cannot be edited now, NotFound
    for a rule that is not there, InvalidInput where the rules are none, together or alone.
    """
    with transaction.atomic():
        lock_editable(actor, promotion.pk)
        rules = RuleList.objects.of(promotion)
        new = changed(drafted(rules))
        require_sight(actor, [e["rule"] for e in new or []], [e["rule"] for e in (*drafted(rules), *rules.applied)])
        # Together too: names and ids are given once.
        check_keepable(rules_from_json([each["rule"] for each in new or []]))
        draft = None if new == rules.applied else new
        if not RuleList.objects.save_draft(promotion.pk, version, draft):
            raise Conflict(
                "Somebody else changed the rules of this promotion meanwhile.",
                "Nothing was saved. Look at the rules again, then repeat your change.",
            )


def require_sight(actor: Actor, new: Iterable[dict[str, Any]], known: Iterable[dict[str, Any]]) -> None:
    """Raise Refused where a rule (JSON) that is not known may look into sensitive fields and `actor` may not."""
    kept = list(known)
    if any(rule.get("sensitive") and rule not in kept for rule in new):
        require(actor, SENSITIVE)


def preview(actor: Actor, promotion: Promotion) -> tuple[RulePass, PromotionJob]:
    """Ask what the draft would do to the events. Raises like `request_job`."""
    with transaction.atomic():
        rules = drafted(RuleList.objects.of(promotion))
        run = RulePass.objects.create(promotion=promotion, author=actor, dry=True, rules=rules)
        promotion.refresh_from_db(fields=["changes"])
        # Whoever changes an event afterwards makes another number of it: the preview no longer fits then.
        arguments = {"pass": str(run.pk), "changes": promotion.changes}
        return run, request_job(actor, promotion, JobKind.PREVIEW_RULES, arguments)


def apply(actor: Actor, promotion: Promotion, version: int | None = None) -> tuple[RulePass, PromotionJob]:
    """Ask for the draft to be done to the events; `version`, where given, is that of the list the person saw.

    Raises Conflict where it is another one now, Refused where nothing would be done, else as `request_job` does.
    """
    with transaction.atomic():
        rules = RuleList.objects.select_for_update().get(pk=RuleList.objects.of(promotion).pk)
        if version not in (None, rules.version):
            raise Conflict(
                "Somebody else changed the rules of this promotion meanwhile.",
                "Nothing was applied. Look at the rules again.",
            )
        if rules.draft is None and not rules.applied:
            raise Refused("This promotion has no rules.", "Add one first.")
        return _request(actor, promotion, drafted(rules))


def undo(actor: Actor, promotion: Promotion, rule_id: str) -> tuple[RulePass, PromotionJob]:
    """Ask for one applied rule to be undone on every event, whatever else is being drafted.

    What somebody edited by hand after the rule keeps what the rule did there. Raises NotFound, else like `apply`.
    """
    with transaction.atomic():
        rules = RuleList.objects.select_for_update().get(pk=RuleList.objects.of(promotion).pk)
        _known(rules.applied, rule_id)
        if rules.draft is not None:
            RuleList.objects.save_draft(promotion.pk, rules.version, [e for e in rules.draft if e["id"] != rule_id])
        return _request(actor, promotion, [each for each in rules.applied if each["id"] != rule_id])


def _request(actor: Actor, promotion: Promotion, rules: list[Entry]) -> tuple[RulePass, PromotionJob]:
    run = RulePass.objects.create(promotion=promotion, author=actor, dry=False, rules=rules)
    job = request_job(actor, promotion, JobKind.REWRITE, {"pass": str(run.pk)})
    audit.record(actor, "apply rules", promotion, after={"rules": [each["rule"] for each in rules if each["enabled"]]})
    return run, job


def _with(rules: list[Entry], rule_id: str, changes: Entry) -> list[Entry]:
    _known(rules, rule_id)
    return [each | changes if each["id"] == rule_id else each for each in rules]


def _known(rules: list[Entry], rule_id: str) -> str:
    if not any(each["id"] == rule_id for each in rules):
        raise NotFound("There is no such rule in this promotion.", "Look at the rules again: somebody changed them.")
    return rule_id
