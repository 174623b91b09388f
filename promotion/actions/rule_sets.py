"""Rule sets: rules kept under a name, versioned, and proposed for promotions between the same two environments."""

from __future__ import annotations

import json
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from promotion.actions import audit
from promotion.actions.rules import require_sight
from promotion.domain.rewrite import Origin, check_keepable, rules_from_json, to_json, write_rules
from promotion.errors import Conflict, InvalidInput, NotFound
from promotion.models import Environment, Promotion, RuleSet, RuleSetVersion
from promotion.policy import MANAGE, Actor, require

MAX_NAME = 100
MAX_NOTE = 300


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

    `expected` is the number that the new version is meant to have. Rules that are those of the newest version make no
    new one: it is returned. Raises InvalidInput with every problem in the rules, Conflict where somebody else has
    saved a version meanwhile.
    """
    require(actor, MANAGE)
    read = rules_from_json(rules)
    check_keepable(read)
    checked = to_json(read)
    if not checked:
        raise InvalidInput("There is no rule to keep.", "Write one first.")
    name = _name(name)
    try:
        with transaction.atomic():
            kept, _ = RuleSet.objects.select_for_update().get_or_create(name=name)
            _mean_for(actor, kept, source, target)
            made = _version(actor, kept, checked, note[:MAX_NOTE], expected)
    except IntegrityError as error:
        raise Conflict(f"Somebody else saves {name} at this moment.", "Look at it first, then save again.") from error
    return made


def _version(
    actor: Actor, kept: RuleSet, checked: list[dict[str, Any]], note: str, expected: int | None
) -> RuleSetVersion:
    newest = kept.versions.first()
    require_sight(actor, checked, newest.rules if newest is not None else [])
    number = newest.number + 1 if newest else 1
    if expected not in (None, number):
        raise Conflict(
            f"Somebody else has saved version {number - 1} of {kept.name} meanwhile.",
            "Nothing was saved. Look at that version, then save yours again.",
        )
    if newest is not None and _text(newest.rules) == _text(checked):
        return newest
    made = RuleSetVersion.objects.create(rule_set=kept, number=number, rules=checked, note=note, author=actor)
    audit.record(actor, "save rule set", kept, after={"version": number, "rules": len(checked)}, reason=note)
    return made


def mean_for(actor: Actor, kept: RuleSet, source: Environment | None, target: Environment | None) -> None:
    """Propose the set for promotions from `source` to `target`, None for any. Its versions stay."""
    require(actor, MANAGE)
    with transaction.atomic():
        _mean_for(actor, RuleSet.objects.select_for_update().get(pk=kept.pk), source, target)


def _mean_for(actor: Actor, kept: RuleSet, source: Environment | None, target: Environment | None) -> None:
    """The same for a locked row, which is brought back where it was archived."""
    if source is not None and source == target:
        raise InvalidInput("Source and target are the same environment.", "Choose two, or any for one of them.")
    before, was_archived = _pair(kept), kept.archived_at is not None
    kept.source, kept.target, kept.archived_at = source, target, None
    kept.save()
    if before != _pair(kept):
        audit.record(actor, "choose environments", kept, before=before, after=_pair(kept))
    if was_archived:
        audit.record(actor, "bring back rule set", kept)


def _pair(kept: RuleSet) -> dict[str, str | None]:
    return {
        "source": kept.source.name if kept.source else None,
        "target": kept.target.name if kept.target else None,
    }


def archive(actor: Actor, kept: RuleSet, archived: bool = True) -> None:
    """Propose the set no longer, or again; its versions stay."""
    require(actor, MANAGE)
    with transaction.atomic():
        changed = RuleSet.objects.filter(pk=kept.pk, archived_at__isnull=archived)
        if changed.update(archived_at=timezone.now() if archived else None):
            audit.record(actor, "archive rule set" if archived else "bring back rule set", kept)


def proposed(promotion: Promotion) -> models.QuerySet[RuleSet]:
    """Return the sets that are meant for the promotion's way, the most particular first."""
    sides = Q(source=promotion.source_id) | Q(source__isnull=True)
    found = RuleSet.objects.filter(sides, Q(target=promotion.target_id) | Q(target__isnull=True), archived_at=None)
    last = models.Max("versions__number")
    return found.annotate(last=last).order_by(
        models.F("source").asc(nulls_last=True), models.F("target").asc(nulls_last=True), "name"
    )


def newest() -> models.QuerySet[RuleSetVersion]:
    """Return the newest version of every set, with the set and its environments, by the sets' names."""
    last = RuleSetVersion.objects.filter(rule_set=models.OuterRef("rule_set")).order_by("-number").values("number")
    related = ("rule_set__source", "rule_set__target", "author")
    versions = RuleSetVersion.objects.select_related(*related).filter(number=models.Subquery(last[:1]))
    return versions.order_by("rule_set__name")


def version_of(name: str, number: int | None = None) -> RuleSetVersion:
    """Return a version of the set `name`, the newest one where no number is given. Raises NotFound."""
    versions = RuleSetVersion.objects.select_related("rule_set__source", "rule_set__target", "author")
    versions = versions.filter(rule_set__name=name if "\0" not in name else "")
    found = versions.first() if number is None else versions.filter(number=number).first()
    if found is None:
        what = f"no rule set '{name}'" if number is None else f"no version {number} of a rule set '{name}'"
        raise NotFound(f"There is {what}.", "`manage.py rule_sets list` shows those there are.")
    return found


def version_named(text: str) -> RuleSetVersion:
    """Return what `NAME` or `NAME@VERSION` names; a set that is really called so comes first. Raises NotFound."""
    name, at, number = text.rpartition("@")
    if not at or not (number.isascii() and number.isdecimal() and len(number) < 10):
        return version_of(text)
    try:
        return version_of(text)
    except NotFound:
        return version_of(name, int(number))


def to_file(version: RuleSetVersion) -> str:
    """Return the version as JSON text that `domain.rewrite.read_rules` reads again, with its name and its pair."""
    kept = version.rule_set
    return write_rules(rules_from_json(version.rules), Origin(kept.name, version.number, **_pair(kept)))


def _text(rules: Any) -> str:
    return json.dumps(rules, sort_keys=True)  # to Python 1 and true are equal


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInput(
            f"A rule set needs a name of 1 to {MAX_NAME} printable characters.", "Say in a few words what it is for."
        )
    return name
