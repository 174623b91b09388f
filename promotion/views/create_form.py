"""What the form of a new promotion is filled with: by a link, or from the promotion that it is to go on behind."""

from __future__ import annotations

import re
from typing import Any

from django.http import QueryDict

from promotion.actions.again import may_be_repeated, rules_again, title_again
from promotion.actions.pipeline import moved_on
from promotion.domain.filters import ExportFilter
from promotion.forms.promotions import CreateForm
from promotion.models import Promotion
from promotion.views.edges import moment_text
from promotion.views.shared import promotion_of

#: What a link may say of the form; everything is checked when it is sent.
NAMES = ("source", "target", "title", "since", "until", "offsets")
_NUMBER = re.compile(r"[0-9]{1,18}")


def asked_for(query: QueryDict) -> dict[str, Any]:
    """Return what `query` asks the form to be filled with, empty where it asks for nothing.

    Raises NotFound where it names a promotion that there is not.
    """
    given = {name: query[name] for name in NAMES if query.get(name)}
    number = query.get("again", "")
    if _NUMBER.fullmatch(number):
        return {**_again(promotion_of(int(number))), **given}
    return given


def rules_offer(form: CreateForm) -> str:
    """Return what is asked about the rules of the promotion that `form` goes on behind, empty where it has none."""
    number = str(form["again"].value() or "")
    found = Promotion.objects.filter(pk=number).first() if _NUMBER.fullmatch(number) else None
    count = len(rules_again(found)) if found is not None else 0
    return f"Take its {count:,} rule{'' if count == 1 else 's'} along" if count else ""


def _again(promotion: Promotion) -> dict[str, Any]:
    if not may_be_repeated(promotion):
        return {}
    assert promotion.source is not None
    return {
        "again": promotion.pk,
        "rules": True,
        "title": title_again(promotion),
        "source": promotion.source.name,
        "target": promotion.target.name,
        "approach": promotion.approach,
        **_filled(moved_on(promotion)),
    }


def _filled(filters: ExportFilter) -> dict[str, Any]:
    spans = [f"{p}:{start}-{'' if end is None else end}" for p, (start, end) in filters.offsets.items()]
    return {
        "types": sorted(filters.types),
        "hosts": "\n".join(sorted(filters.hosts)),
        "users": "\n".join(sorted(filters.users)),
        "since": moment_text(filters.since) if filters.since is not None else "",
        "until": moment_text(filters.until) if filters.until is not None else "",
        "offsets": "\n".join(spans),
    }
