"""Create a promotion: nothing is read and nothing runs until its export is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from promotion.actions import audit
from promotion.domain.filters import ExportFilter
from promotion.errors import InvalidInput, NotFound, Refused
from promotion.models import Environment, EventType, Promotion, RuleList
from promotion.policy import MANAGE, Actor, require
from promotion.states import Approach

MAX_TITLE = 200


def create(
    actor: Actor,
    source: Environment,
    target: Environment,
    title: str,
    filters: ExportFilter,
    approach: Approach = Approach.EDIT_FIRST,
    rules: Sequence[dict[str, Any]] = (),
) -> Promotion:
    """Return the new promotion, a draft owned by `actor`.

    `rules`, as another promotion holds them, become the draft of its own: nothing is done by them before somebody
    applies them.

    Raises Refused where the actor may not, or events may not travel between the two, InvalidInput for a title or a
    filter that cannot be used, NotFound with every event type in the filter that there is not.
    """
    require(actor, MANAGE)
    title = checked_title(title)
    check_route(source, target)
    _check_filters(filters)
    with transaction.atomic():
        promotion = Promotion.objects.create(
            title=title, source=source, target=target, filters=filters.to_json(), owner=actor, approach=approach
        )
        if rules:
            RuleList.objects.create(promotion=promotion, draft=list(rules))
        audit.record(actor, "create", promotion, after=promotion.describe())
    return promotion


def check_route(source: Environment, target: Environment) -> None:
    """Raise Refused, with every reason, where events may not go from `source` to `target`.

    Source and target are never the same topic of one cluster, whatever the rows are called (issue 3, section 3).
    Where a cluster's id is not known yet, its address stands for it; export and replay ask the cluster itself.
    """
    problems = []
    if not source.may_be_source:
        problems.append(f"{source.name} may not be a source.")
    if not target.may_be_target:
        problems.append(f"{target.name} may not be a target.")
    if source.pk == target.pk:
        problems.append(f"{source.name} is both source and target.")
    elif is_same_topic(source, target.cluster_id, target):
        problems.append(f"{source.name} and {target.name} are the same topic of the same cluster: {source.topic}.")
    if problems:
        raise Refused(problems[0], "Choose other environments; a curator can change what they may be.", problems)


def is_same_topic(source: Environment, cluster_id: str, target: Environment) -> bool:
    """Say whether `target`, on the cluster `cluster_id`, is the very topic of `source`, as far as that is known."""
    if source.topic != target.topic:
        return False
    if source.cluster_id and cluster_id:
        return source.cluster_id == cluster_id
    return not _addresses(source).isdisjoint(_addresses(target))


def _addresses(environment: Environment) -> set[str]:
    return {address.strip().lower() for address in environment.bootstrap_servers.split(",")}


def checked_title(title: str) -> str:
    """Return the title without blanks around it. Raises InvalidInput for one that cannot be used."""
    title = title.strip()
    if not title:
        raise InvalidInput("The title is blank.", "Say in a few words what is to travel.")
    if len(title) > MAX_TITLE:
        raise InvalidInput(f"The title has {len(title)} characters, {MAX_TITLE} are the most.", "Make it shorter.")
    if not title.isprintable():
        raise InvalidInput("The title holds a character that cannot be shown.", "Write it in one line of plain text.")
    return title


def _check_filters(filters: ExportFilter) -> None:
    for name, values in (("host", filters.hosts), ("user", filters.users)):
        if any("\0" in value for value in values):
            raise InvalidInput(f"A {name} in the filter holds U+0000.", "No event that could be searched has one.")
    unknown = sorted(filters.types - _known(filters.types))
    if unknown:
        raise NotFound(
            f"There is no event type {unknown[0]}.",
            "Give the full name, as `manage.py event_types list` shows it.",
            [f"There is no event type {name}." for name in unknown],
        )


def _known(types: Iterable[str]) -> set[str]:
    names = [name for name in types if "\0" not in name]  # PostgreSQL's text cannot hold it
    return set(EventType.objects.filter(full_name__in=names).values_list("full_name", flat=True))
