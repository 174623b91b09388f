"""Rule sets: rules kept under a name, versioned, and proposed for promotions between the same two environments."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from promotion.actions import audit
from promotion.domain.rewrite import rules_from_json, to_json, write_rules
from promotion.errors import Conflict, InvalidInput, NotFound
from promotion.models import Environment, Promotion, RuleSet, RuleSetVersion
from promotion.policy import MANAGE, Actor, require

MAX_NAME = 100


def save(
    actor: Actor,
    name: str,
    rules: Any,
    *,
    source: Environment | None = None,
    target: Environment | None = None,
    note: str = "",
    expected: int | None = None,
) -> RuleSetVersion:
    """Keep `rules` (JSON) as the next version of the set `name`, made where there is none, and return the version.

    `expected` is the number that the new version is meant to have. Raises InvalidInput with every problem in the
    rules, Conflict where somebody else has saved a version meanwhile.
    """
    require(actor, MANAGE)
    checked = to_json(rules_from_json(rules))
    if not checked:
        raise InvalidInput("There is no rule to keep.", "Write one first.")
    name = _name(name)
    try:
        with transaction.atomic():
            kept, _ = RuleSet.objects.select_for_update().get_or_create(name=name)
            kept.source, kept.target, kept.archived_at = source, target, None
            kept.save()
            number = (kept.versions.aggregate(n=models.Max("number"))["n"] or 0) + 1
            if expected not in (None, number):
                raise Conflict(
                    f"Somebody else has saved version {number - 1} of {name} meanwhile.", "Look at it first."
                )
            made = RuleSetVersion.objects.create(
                rule_set=kept, number=number, rules=checked, note=note[:300], author=actor
            )
            audit.record(actor, "save rule set", kept, after={"version": number, "rules": len(checked)}, reason=note)
    except IntegrityError as error:
        raise Conflict(f"Somebody else saves {name} at this moment.", "Look at it first, then save again.") from error
    return made


def archive(actor: Actor, kept: RuleSet, archived: bool = True) -> None:
    """Propose the set no longer, or again; its versions stay."""
    require(actor, MANAGE)
    with transaction.atomic():
        RuleSet.objects.filter(pk=kept.pk).update(archived_at=timezone.now() if archived else None)
        audit.record(actor, "archive rule set" if archived else "bring back rule set", kept)


def proposed(promotion: Promotion) -> models.QuerySet[RuleSet]:
    """Return the sets that are meant for the promotion's way, the most particular first."""
    sides = Q(source=promotion.source_id) | Q(source__isnull=True)
    found = RuleSet.objects.filter(sides, Q(target=promotion.target_id) | Q(target__isnull=True), archived_at=None)
    last = models.Max("versions__number")
    return found.annotate(last=last).order_by(
        models.F("source").asc(nulls_last=True), models.F("target").asc(nulls_last=True), "name"
    )


def version_of(name: str, number: int | None = None) -> RuleSetVersion:
    """Return a version of the set `name`, the newest one where no number is given. Raises NotFound."""
    versions = RuleSetVersion.objects.select_related("rule_set").filter(rule_set__name=name if "\0" not in name else "")
    found = versions.first() if number is None else versions.filter(number=number).first()
    if found is None:
        what = f"no rule set '{name}'" if number is None else f"no version {number} of a rule set '{name}'"
        raise NotFound(f"There is {what}.", "`manage.py rule_sets list` shows those there are.")
    return found


def to_file(version: RuleSetVersion) -> str:
    """Return the version as JSON text that `domain.rewrite.read_rules` reads again."""
    return write_rules(rules_from_json(version.rules))


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInput(
            f"A rule set needs a name of 1 to {MAX_NAME} printable characters.", "Say in a few words what it is for."
        )
    return name
